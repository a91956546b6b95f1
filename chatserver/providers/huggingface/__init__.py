"""Hugging Face: its router's providers behind one token, and self-hosted servers that speak like them."""

from chatserver.providers.huggingface.adapters import PROTOCOLS
from chatserver.providers.huggingface.client import Limits
from chatserver.providers.huggingface.identity import Identity
from chatserver.providers.huggingface.provider import HuggingFace

__all__ = ["PROTOCOLS", "HuggingFace", "Identity", "Limits"]
