"""Addresses of visitors, for limits: what counts as one, and how processes name it to each other."""

import hmac
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from chatserver.net.ip_addresses import address_of

# Names of addresses that are remembered: whoever opens one socket often opens more.
KEPT = 4096


@lru_cache(KEPT)
def neighbourhood(address: str) -> str:
    """What counts as one address: itself, or with IPv6 the /64 from which one subscriber may pick any."""
    parsed = address_of(address)
    if parsed is None:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


@lru_cache(KEPT)
def hidden(address: str, secret_key: str) -> str:
    """A name for the neighbourhood that tells nobody which it is: addresses are few, so a bare hash could be guessed."""
    text = f"address:{neighbourhood(address)}".encode("utf-8", "replace")
    return hmac.digest(secret_key.encode(), text, "sha256").hex()[:32]
