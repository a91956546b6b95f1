"""Opens the providers that the configuration names, in the order in which they are tried.

Providers that call other servers are imported on first use: their HTTP library takes 14 MB and delays the start.
"""

from collections.abc import Callable

from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.providers.base import ChatProvider, Provider
from chatserver.providers.diffusers import INSTALL, Diffusers, missing_packages
from chatserver.providers.sketch.provider import Sketch

__all__ = ["open_chat", "open_providers"]


def open_providers(config: Config) -> dict[str, Provider]:
    """The configured providers by name. Raises ConfigurationError where one of them cannot work as configured."""
    return {name: _OPENERS[name](config) for name in config.provider_order}


def open_chat(config: Config) -> ChatProvider | None:
    """The configured chat service; None where the built-in guide answers. Raises ConfigurationError."""
    if not (config.chat_base_url or config.huggingface_api_key):
        if config.chat_model:
            raise ConfigurationError("CHAT_MODEL is set, but neither HUGGINGFACE_API_KEY nor CHAT_BASE_URL.")
        return None
    from chatserver.providers import openai_chat

    return openai_chat.open_chat(config)


def _open_huggingface(config: Config) -> Provider:
    if not (config.huggingface_api_key or config.image_base_url):
        raise ConfigurationError("PROVIDERS names huggingface, but HUGGINGFACE_API_KEY is not set.")
    from chatserver.providers import huggingface

    if config.hf_provider not in {"auto", *huggingface.PROTOCOLS}:
        known = ", ".join(huggingface.PROTOCOLS)
        raise ConfigurationError(f"HF_PROVIDER is {config.hf_provider!r}; it must be auto or one of: {known}.")
    return huggingface.HuggingFace(config)


def _open_diffusers(config: Config) -> Provider:
    if missing_packages():
        raise ConfigurationError(f"PROVIDERS names diffusers, but it is not installed: {INSTALL}")
    if not config.diffusers_model:
        raise ConfigurationError("PROVIDERS names diffusers, but DIFFUSERS_MODEL is not set.")
    return Diffusers(config)


_OPENERS: dict[str, Callable[[Config], Provider]] = {
    "huggingface": _open_huggingface,
    "diffusers": _open_diffusers,
    "sketch": Sketch,
}
