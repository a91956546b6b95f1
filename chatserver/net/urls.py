"""URLs in the normal form of browsers (URL Standard of the WHATWG, 3.5 and 4.4).

Scheme and host in lower case, names of any language in ASCII (IDNA), canonical IP addresses, no default port, no trailing
dot or slash. `Config` normalises its settings once; headers of browsers are normalised and then compared.
"""

import ipaddress
import re
import socket
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

import idna

from chatserver.errors import ConfigurationError

_DEFAULT_PORTS = {"http": 80, "https": 443}
# "Forbidden domain code points": a browser accepts no host with one of them. It accepts underscores.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\"#%/:<>?@\[\\\]^`{|}]")
# A host whose last label is a number is an IPv4 address in one of its notations, or invalid.
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LONGEST_HOST = 253
# Characters that no URL contains unescaped.
_CONTROLS_AND_BLANKS = re.compile(r"[\x00-\x20\x7f]")


# Hosts ------------------------------------------------------------------------------------------------------------


def host_of(text: str) -> str | None:
    """The normal form of a host, IPv6 in brackets; None where a browser would reject it."""
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1])
    name = _ascii(text)
    if name is None or _FORBIDDEN.search(name) or len(name) > _LONGEST_HOST:
        return None
    name = name.removesuffix(".")
    if "" in name.split("."):
        return None
    return _ipv4(name) if _ENDS_IN_NUMBER.fullmatch(name) else name


def _ascii(text: str) -> str | None:
    try:
        name = unquote(text, errors="strict")
        mapped = name.lower() if name.isascii() else idna.uts46_remap(name, std3_rules=False)
    except (UnicodeError, idna.IDNAError):
        return None
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in mapped.split(".")
    )


def _ipv4(name: str) -> str | None:
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return None


def _ipv6(text: str) -> str | None:
    try:
        number = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if number.scope_id is not None:
        return None
    if number.ipv4_mapped is None:
        return f"[{number}]"
    # Newer versions of Python write the last part as IPv4, which browsers do not.
    return f"[::ffff:{int(number) >> 16 & 0xFFFF:x}:{int(number) & 0xFFFF:x}]"


def is_ip_address(host: str) -> bool:
    """Whether a normalised host is an IP address."""
    return host.startswith("[") or bool(_ENDS_IN_NUMBER.fullmatch(host))


# Origins ----------------------------------------------------------------------------------------------------------


def origin(scheme: str, host: str, port: int | None) -> str:
    """The origin of a scheme, a normalised host and a port."""
    return f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{port}"


def origin_of(text: str) -> str | None:
    """The normalised origin of an `Origin` header; None where it is invalid or `null`."""
    parts = _split(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or parts.path or parts.query or parts.fragment:
        return None
    return _origin(parts)


# Requests name the same few hosts again and again.
@lru_cache(64)
def authority_of(text: str) -> tuple[str, int | None] | None:
    """Normalised host and port of a `Host` header; None where it is invalid."""
    parts = _split(f"//{text}")
    if parts is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    host = host_of(_bare_host(parts))
    return None if host is None else (host, parts.port)


def _split(text: str) -> SplitResult | None:
    """The parts of a URL; None where it cannot be parsed, holds a control character or blank, or has an invalid port."""
    if _CONTROLS_AND_BLANKS.search(text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _bare_host(parts: SplitResult) -> str:
    """The host as written, without user and port."""
    written = parts.netloc.rpartition("@")[2]
    return written[: written.find("]") + 1] if written.startswith("[") else written.partition(":")[0]


def _origin(parts: SplitResult) -> str | None:
    host = host_of(_bare_host(parts))
    return None if host is None or "@" in parts.netloc else origin(parts.scheme, host, parts.port)


# Settings ---------------------------------------------------------------------------------------------------------
# Errors do not repeat the value: a URL may hold a password.


def public(name: str, text: str) -> str:
    """The public URL: an origin without a path. Raises ConfigurationError."""
    url = base(name, text)
    if urlsplit(url).path:
        raise ConfigurationError(
            f"{name} has a path; chatserver is served from the root of a name (or port) of its own, such as "
            "https://chat.example.org."
        )
    return url


def base(name: str, text: str) -> str:
    """An HTTP URL to which paths are appended, without a trailing slash. Raises ConfigurationError."""
    if not re.match(r"https?:", text, re.IGNORECASE):
        raise ConfigurationError(f"{name} must start with http: or https:.")
    parts = _split(text)
    if parts is not None and "@" in parts.netloc:
        raise ConfigurationError(f"{name} takes no name and no password: keys have settings of their own.")
    if parts is not None and (parts.query or parts.fragment):
        raise ConfigurationError(f"{name} must have nothing behind `?` or `#`: paths are added to it.")
    root = None if parts is None else _origin(parts)
    if parts is None or root is None:
        raise ConfigurationError(f"{name} names no host that can be reached; it looks like https://example.org.")
    path = re.sub(r"/+$", "", parts.path)
    return root + (f"/{path.lstrip('/')}" if path else "")


def link(name: str, text: str) -> str:
    """The target of a link: an HTTP URL, or a path of this site. Raises ConfigurationError."""
    is_path = text.startswith("/") and not text.startswith("//")
    parts = None if is_path else _split(text)
    is_url = parts is not None and parts.scheme.lower() in _DEFAULT_PORTS and _origin(parts) is not None
    if not (is_path or is_url) or "\\" in text or _CONTROLS_AND_BLANKS.search(text):
        raise ConfigurationError(
            f"{name} must be an address such as https://example.org/privacy, or a path such as /privacy."
        )
    return text


def engine(name: str, text: str, schemes: tuple[str, ...]) -> str:
    """The URL of a database, broker or storage, with a normalised host. Raises ConfigurationError."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in schemes:
        raise ConfigurationError(f"{name} must start with {' or '.join(each + ':' for each in schemes)}.")
    text = f"{scheme.lower()}:{rest}"
    if scheme.lower() in {"unix", "file", "s3"}:
        return text
    try:
        parts = urlsplit(text)
        hosts = parts.netloc.rpartition("@")[2]
        lost = parts.fragment or "@" in parts.path or ("@" in parts.query and not parts.path)
        if lost or ("," not in hosts and parts.port == 0):
            raise ValueError
    except ValueError:
        raise ConfigurationError(
            f"{name} cannot be read: in a password, # / ? @ : [ ] are written as %23 %2F %3F %40 %3A %5B %5D."
        ) from None
    if not _bare_host(parts) and scheme.lower() in {"smtp", "smtps"}:
        raise ConfigurationError(f"{name} names no host; it looks like smtp://user:password@mail.example.org:587.")
    # In place of the host there may be a percent-encoded folder of sockets, or several hosts separated by commas.
    plain = hosts and "," not in hosts and not hosts.startswith("%")
    return _with_host(text, parts) if plain else text


def _with_host(text: str, parts: SplitResult) -> str:
    user, at, _ = parts.netloc.rpartition("@")
    written = _bare_host(parts)
    port = "" if parts.port is None else f":{parts.port}"
    return text.replace(f"//{parts.netloc}", f"//{user}{at}{host_of(written) or written}{port}", 1)


def result_host(text: str) -> str:
    """A host from which files may be fetched: a name, a pattern such as *.example.org, or a whole origin.

    Raises ConfigurationError for what is none: it would fit no address, and every file be refused.
    """
    host = origin_of(text.rstrip("/")) if "://" in text else host_of(text)
    if host is None:
        raise ConfigurationError(
            "HF_RESULT_HOSTS names what is no host; it takes names such as files.example.org, patterns such as "
            "*.example.org, and addresses without a path such as https://example.org:8443, with commas between."
        )
    return host
