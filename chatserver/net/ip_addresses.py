"""Parses IP addresses and networks into one form, however a socket, a proxy or an operator writes them."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from chatserver.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# ::ffff:0:0/96: IPv4 addresses as a dual-stack socket reports them.
_MAPPED = IPv6Network("::ffff:0:0/96")
_LONGEST = 64


def address_of(text: str) -> Address | None:
    """The address in a text, or None. IPv4-mapped IPv6 becomes IPv4; a zone (`%eth0`) is dropped."""
    return _parsed(text) if len(text) <= _LONGEST else None


# A client asks again, and a proxy asks for all of them.
@lru_cache(1024)
def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


# With a port: IPv4, or IPv6 in brackets; brackets alone too.
_WITH_PORT = re.compile(r"(?:\[([^\]]*)\]|([0-9.]+))(?::[0-9]*)?")


def peer_of(text: str) -> Address | None:
    """The address in a text with an optional port and quotes; None for `unknown` and other names."""
    text = text.strip().strip('"')
    found = _WITH_PORT.fullmatch(text)
    return address_of((found[1] or found[2] or "") if found else text)


def network_of(text: str) -> Network | None:
    """The address or network (10.0.0.0/8) in a text, or None."""
    written, slash, size = text.strip().partition("/")
    address = address_of(written.strip("[]"))
    if address is None:
        return None
    if not slash:
        return ip_network(address)
    try:
        network = ip_network(f"{written.partition('%')[0]}/{size}", strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def setting(name: str, text: str) -> Network:
    """The address or network in a setting. Raises ConfigurationError."""
    network = network_of(text)
    if network is None:
        raise ConfigurationError(
            f"{name} names {text[:_LONGEST]!r}; it takes addresses and networks, with commas between."
        )
    return network
