"""Settings in the form in which the product uses them: ways to pay, addresses, the hours of reports."""

from collections.abc import Mapping
from typing import Any

from chatserver.config import values
from chatserver.errors import ConfigurationError
from chatserver.net import ip_addresses, urls

# A year.
_MOST_REPORT_HOURS = 8760
_CHECKOUTS = ("stripe", "razorpay", "instant", "manual", "codes")
# The schemes of addresses that no browser opens.
_ENGINES = {
    "database_url": ("postgresql", "postgres"),
    "smtp_url": ("smtp", "smtps"),
    "redis_url": ("redis", "rediss", "unix"),
    "storage_url": ("file", "s3"),
}


def checkouts(names: tuple[str, ...]) -> tuple[str, ...]:
    """The ways to pay, each once, in the order in which people are offered them. Raises ConfigurationError."""
    for name in names or ("",):
        if name not in _CHECKOUTS:
            raise ConfigurationError(f"CHECKOUT names {values.shown(name)}; it must be of: {', '.join(_CHECKOUTS)}.")
    return tuple(dict.fromkeys(names))


def addresses(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings by name that are addresses, in their normal form. Raises ConfigurationError."""
    return {
        "host": _listening_host(given["host"]),
        "public_url": given["public_url"] and urls.public("PUBLIC_URL", given["public_url"]),
        **{
            name: given[name] and urls.base(name.upper(), given[name])
            for name in (
                "hf_endpoint",
                "hf_router_url",
                "chat_base_url",
                "image_base_url",
                "stripe_api_url",
                "razorpay_api_url",
            )
        },
        **{name: given[name] and urls.engine(name.upper(), given[name], schemes) for name, schemes in _ENGINES.items()},
        **{
            name: given[name] and urls.link(name.upper(), given[name])
            for name in ("site_privacy_url", "site_docs_url", "site_source_url")
        },
        "hf_result_hosts": tuple(urls.result_host(text) for text in given["hf_result_hosts"]),
        "trusted_proxies": tuple(
            str(ip_addresses.setting("TRUSTED_PROXIES", text)) for text in given["trusted_proxies"]
        ),
    }


def _listening_host(text: str) -> str:
    """An address or a name of this machine, without the brackets that IPv6 has in an address of the web."""
    host = urls.host_of(f"[{text}]" if ":" in text and not text.startswith("[") else text)
    return text if host is None else host.strip("[]")


def report_hours(parts: tuple[str, ...], defaults: tuple[str, ...]) -> dict[str, int]:
    """REPORT_HOURS by kind, of those that are not named the default. Raises ConfigurationError."""
    hours = dict(_parse_hours(part) for part in defaults)
    for part in parts:
        kind, number = _parse_hours(part)
        if kind not in hours:
            raise ConfigurationError(f"REPORT_HOURS names {values.shown(kind)}; kinds are: {', '.join(hours)}.")
        hours[kind] = number
    return hours


def _parse_hours(part: str) -> tuple[str, int]:
    kind, number = (each.strip() for each in part.partition("=")[::2])
    if not (number.isascii() and number.isdigit() and len(number) <= 4 and 1 <= int(number) <= _MOST_REPORT_HOURS):
        raise ConfigurationError(
            f"REPORT_HOURS has {values.shown(part)}; it must be kind=hours, with hours from 1 to {_MOST_REPORT_HOURS}."
        )
    return kind, int(number)
