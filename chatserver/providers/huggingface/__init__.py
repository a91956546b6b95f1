"""Pictures and clips through the inference providers of Hugging Face's router, or a self-hosted server with such an API."""

from chatserver.providers.huggingface.adapters import PROTOCOLS
from chatserver.providers.huggingface.client import HuggingFaceLimits
from chatserver.providers.huggingface.provider import HuggingFace
from chatserver.providers.huggingface.token_identity import TokenIdentity

__all__ = ["PROTOCOLS", "HuggingFace", "HuggingFaceLimits", "TokenIdentity"]
