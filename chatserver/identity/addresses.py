"""Addresses of clients, as limits count them and as processes name them to each other."""

import hmac
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from chatserver.net.ip_addresses import address_of

# Addresses whose subnet and hash are cached: a client that opens one socket often opens more.
CACHE_SIZE = 4096


@lru_cache(CACHE_SIZE)
def subnet_of(address: str) -> str:
    """The unit that limits count by: an IPv4 address itself, the /64 of an IPv6 address, which one subscriber has whole.

    A text that is no IP address is returned as it is.
    """
    parsed = address_of(address)
    if parsed is None:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


@lru_cache(CACHE_SIZE)
def hidden(address: str, secret_key: str) -> str:
    """A keyed hash of the subnet, 32 hexadecimal digits: addresses are few, so an unkeyed hash could be reversed."""
    text = f"address:{subnet_of(address)}".encode("utf-8", "replace")
    return hmac.digest(secret_key.encode(), text, "sha256").hex()[:32]
