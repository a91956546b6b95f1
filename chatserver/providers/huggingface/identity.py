"""Whose token this is, for the doctor: the hub's whoami, asked rarely because it is strictly rate limited."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chatserver.errors import ProviderError
from chatserver.providers.huggingface.client import Client, of_the_hub

# Names and permissions change rarely, and whoami answers 429 to those who ask often.
KEPT_SECONDS = 3600.0
INFERENCE = "inference.serverless.write"


class Identity(Struct, frozen=True):
    """Who the token belongs to. `may_infer` is None where the hub does not say: only a real call shows it then."""

    name: str
    kind: str
    may_infer: bool | None
    organisations: tuple[str, ...] = ()


class Identities:
    """Identities by the hash of their token, so that no token is kept a second time."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint.rstrip("/")
        self._kept: dict[str, tuple[float, Identity]] = {}

    async def whoami(self, token: str) -> Identity:
        """The identity of `token`. Raises InvalidToken, ProviderRateLimited or ProviderDown."""
        key = hashlib.sha256(token.encode()).hexdigest()
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(key)
        if kept and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        url = f"{self._endpoint}/api/whoami-v2"
        identity = parsed(of_the_hub(url, await self._client.ask(url)).json())
        self._kept[key] = (now, identity)
        return identity


def parsed(document: Any) -> Identity:
    """An Identity from the hub's answer, also from the shape of OAuth tokens, which have no access token's name."""
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ProviderError("The hub's answer about this token could not be read.")
    organisations = tuple(org["name"] for org in document.get("orgs") or () if isinstance(org, dict) and "name" in org)
    kind = str(document.get("type", "user"))
    return Identity(document["name"], kind, _may_infer(document), organisations)


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
