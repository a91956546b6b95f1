"""Calls of a gateway over HTTP, and reading the JSON objects that it answers."""

from collections.abc import Mapping
from typing import Any

from chatserver.errors import ChatserverError, GatewayFailed
from chatserver.providers.http import HttpClient, HttpResponse

# A person waits for the answer.
SECONDS = 10.0
# An answer about one payment has a few kilobytes.
MAX_BYTES = 512 * 1024


async def call(
    client: HttpClient, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> HttpResponse:
    """One call of a gateway, within its deadline. Raises GatewayFailed where no whole answer comes."""
    try:
        return await client.call(
            method, url, headers=headers, body=body, max_bytes=MAX_BYTES, seconds=SECONDS, idle_seconds=SECONDS
        )
    except ChatserverError as error:
        raise GatewayFailed from error


def require(response: HttpResponse) -> dict[str, Any]:
    """The JSON object of a good answer. Raises GatewayFailed for any other; what it says stays out of pages and logs."""
    found = response.json()
    if not response.ok or not isinstance(found, dict):
        raise GatewayFailed(details={"status": response.status})
    return found


def is_forbidden(response: HttpResponse) -> bool:
    """Whether the key may not ask this."""
    return response.status in {401, 403}


def inner(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object in a field, empty where there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def objects(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list of a field."""
    value = found.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(found: Mapping[str, Any], name: str) -> str:
    """The text in a field. Raises GatewayFailed where there is none."""
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayFailed
    return value


def number(found: Mapping[str, Any], name: str) -> int:
    """The whole number in a field. Raises GatewayFailed where there is none."""
    value = found.get(name)
    if not isinstance(value, int):
        raise GatewayFailed
    return value
