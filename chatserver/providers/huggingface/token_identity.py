"""The owner and permissions of the token, for the doctor: the hub's whoami, cached because it is rate limited."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chatserver.errors import ProviderError
from chatserver.providers.huggingface.client import ApiClient, checked_hub_response

# Names and permissions change rarely, and whoami soon answers 429.
CACHE_SECONDS = 3600.0
INFERENCE = "inference.serverless.write"


class TokenIdentity(Struct, frozen=True):
    """The owner of a token. `may_infer` is None where the hub does not say: then only a real call shows it."""

    name: str
    kind: str
    may_infer: bool | None
    organisations: tuple[str, ...] = ()


class IdentityCache:
    """Identities by the hash of their token, so that no second copy of a token is kept."""

    def __init__(self, client: ApiClient, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint.rstrip("/")
        self._cached: dict[str, tuple[float, TokenIdentity]] = {}

    async def whoami(self, token: str) -> TokenIdentity:
        """The identity of `token`. Raises InvalidToken, ProviderRateLimited or ProviderDown."""
        key = hashlib.sha256(token.encode()).hexdigest()
        now = asyncio.get_running_loop().time()
        cached = self._cached.get(key)
        if cached and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        url = f"{self._endpoint}/api/whoami-v2"
        identity = parsed(checked_hub_response(url, await self._client.get(url)).json())
        self._cached[key] = (now, identity)
        return identity


def parsed(document: Any) -> TokenIdentity:
    """The identity in the hub's response, also in that of OAuth tokens, which lacks `accessToken`."""
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ProviderError("The hub's answer about this token could not be read.")
    organisations = tuple(org["name"] for org in document.get("orgs") or () if isinstance(org, dict) and "name" in org)
    kind = str(document.get("type", "user"))
    return TokenIdentity(document["name"], kind, _may_infer(document), organisations)


def _may_infer(document: dict[str, Any]) -> bool | None:
    match document.get("auth"):
        case {"accessToken": {"fineGrained": dict(rights)}}:
            return INFERENCE in set(_permissions(rights, document["name"]))
        case {"accessToken": {"role": "read" | "write"}}:
            return True
    return None


def _permissions(rights: dict[str, Any], name: str) -> Iterator[str]:
    yield from rights.get("global") or ()
    for scope in rights.get("scoped") or ():
        match scope:
            case {"entity": {"type": "user"} | {"name": str()}, "permissions": [*permissions]} if _is_own(scope, name):
                yield from map(str, permissions)


def _is_own(scope: dict[str, Any], name: str) -> bool:
    entity = scope["entity"]
    return bool(entity.get("type") == "user" or entity.get("name") == name)
