"""Opens the providers that the configuration names, in their order of fall-back. The one place that chooses them."""

from collections.abc import Callable

from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.providers.base import Provider
from chatserver.providers.diffusers import Diffusers, missing_packages
from chatserver.providers.huggingface import HuggingFace
from chatserver.providers.huggingface.adapters import PROTOCOLS
from chatserver.providers.openai_chat import open_chat
from chatserver.providers.sketch import Sketch

__all__ = ["open_chat", "open_providers"]


def open_providers(config: Config) -> dict[str, Provider]:
    """Providers by name. Raises ConfigurationError where one of them cannot work as configured."""
    return {name: _open(name, config) for name in config.provider_order}


def _open(name: str, config: Config) -> Provider:
    return _MAKERS[name](config)


def _open_huggingface(config: Config) -> Provider:
    if not (config.huggingface_api_key or config.image_base_url):
        raise ConfigurationError("PROVIDERS names huggingface, but HUGGINGFACE_API_KEY is not set.")
    if config.hf_provider not in {"auto", *PROTOCOLS}:
        known = ", ".join(PROTOCOLS)
        raise ConfigurationError(f"HF_PROVIDER is {config.hf_provider!r}; it must be auto or one of: {known}.")
    return HuggingFace(config)


def _open_diffusers(config: Config) -> Provider:
    if missing_packages():
        raise ConfigurationError(
            "PROVIDERS names diffusers, but it is not installed: pip install chatserver[diffusers]"
        )
    if not config.diffusers_model:
        raise ConfigurationError("PROVIDERS names diffusers, but DIFFUSERS_MODEL is not set.")
    return Diffusers(config)


_MAKERS: dict[str, Callable[[Config], Provider]] = {
    "huggingface": _open_huggingface,
    "diffusers": _open_diffusers,
    "sketch": Sketch,
}
