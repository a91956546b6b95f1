"""One setting of the environment: its variable's text, and the value of its type. Errors name the variable."""

import dataclasses
import os
import re
import types
import typing
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from chatserver.config import timing
from chatserver.config.timing import Timing
from chatserver.errors import ConfigurationError


def names(field: "dataclasses.Field[Any]") -> tuple[str, ...]:
    """The environment variables of a setting, the preferred one first."""
    return (field.name.upper(), *field.metadata["names"])


def text_of(field: "dataclasses.Field[Any]", environ: Mapping[str, str]) -> str | None:
    """The trimmed value of a setting's first variable that is not empty, or None. Raises ConfigurationError."""
    for name in names(field):
        text = in_utf8(name, environ.get(name, "")).strip()
        if text:
            return text
    return None


def in_utf8(name: str, text: str) -> str:
    """A variable decoded as UTF-8, whatever the locale (LC_ALL=C, Latin-1) has decoded it as."""
    if text.isascii():
        return text
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        # Not UTF-8: the locale's own decoding is kept, unless it has failed too.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ConfigurationError(f"{name} is not UTF-8 text.") from None
    return text


def parse(field: "dataclasses.Field[Any]", kind: Any, text: str) -> Any:
    """The value of a setting of type `kind`. Raises ConfigurationError."""
    name = field.name.upper()
    if typing.get_origin(kind) is Literal:
        choices: tuple[str, ...] = typing.get_args(kind)
        if text.lower() not in choices:
            raise ConfigurationError(f"{name} is {shown(text)}; it must be one of: {', '.join(choices)}.")
        return text.lower()
    if typing.get_origin(kind) is tuple:
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        # Hosts, networks, plans and providers are all case-insensitive; secrets are not.
        return parts if field.metadata["secret"] else tuple(part.lower() for part in parts)
    if kind is bool:
        return _parse_bool(name, text)
    if kind is int:
        return _parse_int(name, text, field.metadata["minimum"], field.metadata["maximum"])
    if kind is Decimal:
        return _parse_decimal(name, text, field.metadata["minimum"], field.metadata["maximum"])
    if kind is Timing:
        return timing.parse(text)
    if kind is Path:
        return _parse_path(name, text)
    assert not isinstance(kind, types.UnionType)
    if field.name in _KEYS:
        return _key(name, text)
    if field.name not in _OF_SEVERAL_LINES and _LINE_BREAK.search(text):
        raise ConfigurationError(f"{name} holds a line break or another control character; it is one line.")
    return text


# Texts for models and receipts, and PEM. Others stand in headers, titles, addresses and subjects of mail.
_OF_SEVERAL_LINES = ("chat_system_prompt", "seller_address", "c2pa_certificate", "c2pa_key")
_LINE_BREAK = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _parse_path(name: str, text: str) -> Path:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{name} has letters that no file can have in this machine's locale. Set PYTHONUTF8=1, or LC_ALL=C.UTF-8."
        ) from None
    if text[0] in "\"'" or re.match(r"file:|\w+://", text, re.IGNORECASE):
        # It would be a folder of that name in the working folder, with an empty database in it.
        raise ConfigurationError(f"{name} is {shown(text)}; it must be a folder, without quotation marks and `file:`.")
    # The bytes of the path as given, decoded by the locale.
    return home_of(name, Path(os.fsdecode(text.encode())))


def home_of(name: str, path: Path) -> Path:
    """A path with the home folder that its ~ stands for. Raises ConfigurationError."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigurationError(f"{name} begins with ~ and the name of a user who has no home folder here.") from None


def _parse_bool(name: str, text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{name} is {shown(text)}; it must be yes or no.")


# Fits into a timer, a socket option and an integer of the database.
_MAX_INT = 2_147_483_647


def _parse_int(name: str, text: str, minimum: int | None, maximum: int | None) -> int:
    # int() would also accept 8_000, and raises its own error for thousands of digits.
    if not re.fullmatch(r"[+-]?\d{1,40}", text):
        raise ConfigurationError(f"{name} is {shown(text)}; it must be a whole number.")
    value = int(text)
    if minimum is not None and value < minimum:
        raise ConfigurationError(f"{name} is {value}; it must be at least {minimum:g}.")
    if value > (largest := _MAX_INT if maximum is None else maximum):
        raise ConfigurationError(f"{name} is {value}; it must be at most {largest}.")
    return value


def _parse_decimal(name: str, text: str, minimum: int, maximum: int) -> Decimal:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text, re.ASCII) or not minimum <= Decimal(text) <= maximum:
        raise ConfigurationError(
            f"{name} is {shown(text)}; it must be a number from {minimum} to {maximum}, such as 18 or 8.1."
        )
    return Decimal(text)


def shown(text: str) -> str:
    """A wrong value as it is shown in an error, truncated to 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


_KEYS = ("huggingface_api_key", "chat_api_key", "image_api_key")


def _key(name: str, text: str) -> str:
    """An API key without the quotation marks and the "Bearer" that people copy along. It is sent in a header."""
    bare = text.strip("\"'").strip()
    bare = re.sub(r"^(authorization:\s*)?bearer\s+|^authorization:\s*", "", bare, flags=re.IGNORECASE)
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in bare):
        raise ConfigurationError(f"{name} holds a line break or another character that ends a line; set the bare key.")
    # The doctor checks the Hugging Face token, with better messages.
    if name != "HUGGINGFACE_API_KEY" and not re.fullmatch(r"[!-~]+", bare):
        raise ConfigurationError(f"{name} holds a blank or a letter that no key has; set the bare key.")
    return bare
