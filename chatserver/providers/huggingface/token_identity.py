"""The owner and permissions of the token, for the doctor: the hub's whoami."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chatserver.errors import ProviderError
from chatserver.providers.huggingface.client import ApiClient, checked_hub_response

INFERENCE = "inference.serverless.write"


class TokenIdentity(Struct, frozen=True):
    """The owner of a token. `may_infer` is None where the hub does not say: then only a real call shows it."""

    name: str
    may_infer: bool | None
    organisations: tuple[str, ...] = ()


async def fetch(client: ApiClient, endpoint: str) -> TokenIdentity:
    """Asks the hub at `endpoint` for the identity of the client's token, each time: whoami soon answers 429.

    Raises InvalidToken, ProviderRateLimited or ProviderDown.
    """
    url = f"{endpoint.rstrip('/')}/api/whoami-v2"
    return parsed(checked_hub_response(url, await client.get(url)).json())


def parsed(document: Any) -> TokenIdentity:
    """The identity in the hub's response, also in that of OAuth tokens, which lacks `accessToken`."""
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ProviderError("The hub's answer about this token could not be read.")
    organisations = tuple(org["name"] for org in document.get("orgs") or () if isinstance(org, dict) and "name" in org)
    return TokenIdentity(document["name"], _may_infer(document), organisations)


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
