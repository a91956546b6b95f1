"""The outside services: the token, its owner and permissions, and who serves the models in use."""

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chatserver import providers
from chatserver.config import Config
from chatserver.doctor.findings import Finding, failure, ok, warning
from chatserver.errors import (
    ChatserverError,
    InvalidToken,
    ModelGone,
    NoPermission,
    ProviderError,
    ProviderRateLimited,
    TimedOut,
)
from chatserver.providers.huggingface import HuggingFace, TokenIdentity
from chatserver.providers.openai_chat import OpenAIChat

A_NEW_ONE = (
    "Make one at https://huggingface.co/settings/tokens/new?ownUserPermissions=inference.serverless.write"
    "&tokenType=fineGrained and set HUGGINGFACE_API_KEY."
)
# Placeholders that documents print for a token: with dots, brackets or asterisks, "your token", "xxxx".
_TOKEN = re.compile(r"hf_[A-Za-z0-9_-]+")
_EXAMPLE = re.compile(r"your|token_?here|x{4}", re.IGNORECASE)
# whoami is strictly rate-limited, so its answer is cached in DATA_DIR, under the hash of the token.
CACHE_SECONDS = 3600.0
CACHE_FILE = "doctor-identity.json"


class CachedIdentity(Struct, frozen=True):
    """The answer of whoami at a time (seconds since 1970), under the SHA-256 of its token."""

    token_hash: str
    fetched_at: float
    identity: TokenIdentity


async def check(config: Config) -> list[Finding]:
    """The findings on token, identity and models, as far as the configuration uses them."""
    provider = HuggingFace(config)
    try:
        hub, own, chat = await asyncio.gather(_hub(config, provider), _own_server(config, provider), _chat(config))
        return [_token(config), *hub, *own, chat]
    finally:
        await provider.close()


def _token(config: Config) -> Finding:
    token = config.huggingface_api_key
    if not token:
        return ok("token", "No Hugging Face token is set; nothing is asked of Hugging Face.")
    if any(character.isspace() for character in token):
        return failure("token", "The token holds blanks.", "Set HUGGINGFACE_API_KEY to the bare token.")
    if token.startswith("api_org"):
        return failure("token", "This is an old organisation's token, which is refused.", A_NEW_ONE)
    if not token.startswith("hf_"):
        return failure("token", "The token does not start with hf_.", A_NEW_ONE)
    if not _TOKEN.fullmatch(token) or _EXAMPLE.search(token):
        return failure("token", "This is the example of a token, as documents print it, and not a token.", A_NEW_ONE)
    return ok("token", "The token looks like one.")


async def _hub(config: Config, provider: HuggingFace) -> list[Finding]:
    if _token(config).status == "failure" or not config.huggingface_api_key:
        return []
    checks = [_identity(config, provider)]
    if not config.image_base_url:
        checks.append(_model("image model", config.image_model, "IMAGE_MODEL", lambda: provider.route("text-to-image")))
        checks.append(_edit_model(config, provider))
    checks.append(_model("video model", config.video_model, "VIDEO_MODEL", lambda: provider.route("text-to-video")))
    return list(await asyncio.gather(*checks))


async def _identity(config: Config, provider: HuggingFace) -> Finding:
    try:
        identity = _read_cache(config) or _write_cache(config, await provider.identity())
    except ProviderError as error:
        return _hub_failed("identity", error)
    whose = f"The token is {identity.name}'s"
    if identity.may_infer is None:
        return warning("identity", f"{whose}; whether it may infer shows only at the first picture.", A_NEW_ONE)
    if not identity.may_infer:
        return failure("identity", f"{whose}, but it may not call inference providers.", A_NEW_ONE)
    if config.hf_bill_to and config.hf_bill_to not in identity.organisations:
        mend = "Set HF_BILL_TO to one of the token's organisations."
        return warning("identity", f"{whose}, who is not known to be in {config.hf_bill_to}.", mend)
    return ok("identity", f"{whose}, and it may call inference providers.")


def _read_cache(config: Config) -> TokenIdentity | None:
    try:
        cached = msgspec.json.decode(_file(config).read_bytes(), type=CachedIdentity)
    except (OSError, msgspec.MsgspecError):
        return None
    fresh = time.time() - cached.fetched_at < CACHE_SECONDS
    return cached.identity if fresh and cached.token_hash == _hash(config) else None


def _write_cache(config: Config, identity: TokenIdentity) -> TokenIdentity:
    file = _file(config)
    # Where nothing can be written, the findings on database, storage and disk say so.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(CachedIdentity(_hash(config), time.time(), identity)))
    return identity


def _hash(config: Config) -> str:
    return hashlib.sha256(f"{config.hf_endpoint}\0{config.huggingface_api_key}".encode()).hexdigest()


def _file(config: Config) -> Path:
    return config.data_dir / CACHE_FILE


async def _model(name: str, model: str, setting: str, find: Callable[[], Coroutine[Any, Any, Any]]) -> Finding:
    if not model:
        return warning(name, "None is set.", f"Set {setting}.")
    try:
        route = await find()
    except ModelGone as error:
        return _failed(name, error, f"Set {setting} to a model that is served, or HF_PROVIDER=auto.", model)
    except ProviderError as error:
        return _hub_failed(name, error)
    return ok(name, f"{model} is served by {route.provider}.")


async def _edit_model(config: Config, provider: HuggingFace) -> Finding:
    model = config.image_edit_model
    if not provider.supports("image", "edit"):
        mend = "Name a model that is served for image-to-image, where people are to change pictures."
        return warning("edit model", "Pictures are neither varied nor edited: IMAGE_EDIT_MODEL is none.", mend)
    return await _model("edit model", model, "IMAGE_EDIT_MODEL", lambda: provider.route("image-to-image"))


async def _own_server(config: Config, provider: HuggingFace) -> list[Finding]:
    if not config.image_base_url:
        return []
    try:
        url, status = await provider.reach()
    except ProviderError as error:
        return [
            _failed("image server", error, "Look at IMAGE_BASE_URL and whether the server runs.", config.image_base_url)
        ]
    if status >= 500:
        mend = "Look at the server's own log; one that is scaled to zero needs some minutes."
        return [warning("image server", f"{url} answers, but with status {status}.", mend)]
    changes = "varies and edits pictures" if provider.supports("image", "edit") else "is not asked to change pictures"
    return [ok("image server", f"{url} answers; it {changes}.")]


async def _chat(config: Config) -> Finding:
    try:
        chat = providers.open_chat(config)
    except ChatserverError as error:
        return failure("chat model", error.message, "Set HUGGINGFACE_API_KEY or CHAT_BASE_URL, or unset CHAT_MODEL.")
    if not isinstance(chat, OpenAIChat):
        return ok("chat model", "None is set: the built-in guide answers.")
    try:
        models = await chat.models()
    except ProviderError as error:
        return _failed("chat model", error, "Look at the token, CHAT_BASE_URL and CHAT_API_KEY.", chat.base)
    finally:
        await chat.close()
    model = chat.model().partition(":")[0]
    if models and chat.model() not in models and model not in models:
        return failure("chat model", f"{chat.label} does not serve {model}.", f"Set CHAT_MODEL, such as {models[0]}.")
    return ok("chat model", f"{chat.label} answers at {chat.base}" + (f" and serves {model}." if models else "."))


def _hub_failed(name: str, error: ProviderError) -> Finding:
    """The finding of a question that the hub did not answer."""
    if isinstance(error, InvalidToken | NoPermission):
        return failure(name, error.message, A_NEW_ONE)
    if isinstance(error, ProviderRateLimited):
        return warning(name, error.message, "The hub limits this question; ask again in some minutes.")
    return _failed(name, error, "Look at the network, HF_ENDPOINT and https://status.huggingface.co.", "Hugging Face")


def _failed(name: str, error: ProviderError, mend: str, whom: str) -> Finding:
    """The finding of an error: its own message, and its advice for the operator where it has one."""
    if isinstance(error, TimedOut):
        return failure(name, f"{whom} does not answer in time.", mend)
    message, _, better = error.message.partition(" For the operator: ")
    return failure(name, message, better[:1].upper() + better[1:] if better else mend)
