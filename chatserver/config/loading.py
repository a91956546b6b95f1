"""Reads the settings from the environment, checks what no field can check for itself, and lists them."""

import dataclasses
import os
import re
import typing
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from chatserver.config import normalization, values
from chatserver.config.settings import SHORTEST_SECRET, Config
from chatserver.errors import ConfigurationError

_KNOWN_PROVIDERS = ("sketch", "huggingface", "diffusers")
_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_WORD = re.compile(r"\S+")
# The options of STORAGE_URL that are shown. Any other one may be a key, and stops the start.
_SHOWN_OPTIONS = ("endpoint", "public_endpoint", "region", "path_style")


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Config:
    """Reads the environment (and typed `overrides`, such as the command line's). Raises ConfigurationError."""
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {}
    hints = typing.get_type_hints(Config)
    for field in dataclasses.fields(Config):
        text = values.text_of(field, environ)
        if text is not None:
            given[field.name] = values.parse(field, hints[field.name], text)
    for name, value in overrides.items():
        # Empty is as good as left out, as in the environment: an empty host would be every interface.
        if value not in (None, ""):
            given[name] = values.in_utf8(name.upper(), value) if isinstance(value, str) else value
    config = Config(**given)
    _check(config)
    return config


def _check(config: Config) -> None:
    normalization.report_hours(config.report_hours, Config.report_hours)
    # Checked here, since the port of the command line is not parsed by `values`.
    if config.port < 0:
        raise ConfigurationError(f"PORT is {config.port}; it must be at least 0.")
    if config.port > 65535:
        raise ConfigurationError(f"PORT is {config.port}; it must be at most 65535.")
    if config.accent > 360:
        raise ConfigurationError(f"ACCENT is {config.accent}; it must be at most 360.")
    for name in ("secret_key", "metrics_token"):
        if 0 < len(getattr(config, name)) < SHORTEST_SECRET:
            raise ConfigurationError(f"{name.upper()} must have at least {SHORTEST_SECRET} characters.")
    if config.smtp_url and not _MAILBOX.fullmatch(config.mail_from):
        raise ConfigurationError("MAIL_FROM must be an address such as pictures@example.org where SMTP_URL is set.")
    if config.alarm_email and not (config.smtp_url and _MAILBOX.fullmatch(config.alarm_email)):
        raise ConfigurationError("ALARM_EMAIL must be an address such as ops@example.org, and needs SMTP_URL.")
    if config.free_sessions_need_verified_address and not config.smtp_url:
        raise ConfigurationError("FREE_SESSIONS_NEED_VERIFIED_ADDRESS needs SMTP_URL, which sends the links.")
    if "stripe" in config.checkout:
        _check_gateway(config, "STRIPE_SECRET_KEY", config.stripe_secret_key, ("sk_", "rk_"))
        _check_secrets("STRIPE_WEBHOOK_SECRETS", config.stripe_webhook_secrets)
    if "razorpay" in config.checkout:
        _check_gateway(config, "RAZORPAY_KEY_ID", config.razorpay_key_id, ("rzp_",))
        _check_secrets("RAZORPAY_KEY_SECRET", (config.razorpay_key_secret,))
        _check_secrets("RAZORPAY_WEBHOOK_SECRETS", config.razorpay_webhook_secrets)
    for name in config.providers:
        if name not in _KNOWN_PROVIDERS:
            raise ConfigurationError(
                f"PROVIDERS names {values.shown(name)}; it must be one of: {', '.join(_KNOWN_PROVIDERS)}."
            )


def _check_gateway(config: Config, name: str, key: str, kinds: tuple[str, ...]) -> None:
    """Raises ConfigurationError for a key of the other mode: test money never buys anything on a live installation."""
    wanted = tuple(f"{kind}{config.payments_mode}_" for kind in kinds)
    if not key.startswith(wanted) or not re.fullmatch(r"[!-~]+", key):
        raise ConfigurationError(
            f"{name} must begin with {' or '.join(wanted)} where PAYMENTS_MODE is {config.payments_mode}."
        )


def _check_secrets(name: str, found: tuple[str, ...]) -> None:
    if not found or any(len(each.strip()) < SHORTEST_SECRET for each in found):
        raise ConfigurationError(f"{name} must be set, each with at least {SHORTEST_SECRET} characters.")


def variables() -> dict[str, tuple[str, ...]]:
    """The names of environment variables that a setting is read from, by the setting's own name; the first wins."""
    return {field.name.upper(): values.names(field) for field in dataclasses.fields(Config)}


def settings(config: Config) -> list[tuple[str, str, str]]:
    """(environment name, value with secrets masked, sentence) of every setting, for `chatserver config` and the README."""
    rows = []
    for field in dataclasses.fields(Config):
        value = getattr(config, field.name)
        shown = ",".join(value) if isinstance(value, tuple) else str(value)
        if field.metadata["secret"] and shown:
            shown = "•••• (set)"
        if field.name == "storage_url":
            shown = _without_keys(shown)
        rows.append((field.name.upper(), _WORD.sub(_without_user_info, shown), field.metadata["sentence"]))
    return rows


def _without_user_info(word: re.Match[str]) -> str:
    """A URL without user and password: up to the last @, since a key that was typed by mistake may hold anything."""
    before, _, rest = word[0].partition("//")
    _, at, after = rest.rpartition("@")
    return f"{before}//••••@{after}" if at else word[0]


def _without_keys(storage_url: str) -> str:
    """STORAGE_URL without the value of an option that it does not have, where somebody may have put a key."""
    address, mark, query = storage_url.partition("?")
    options = [option.partition("=") for option in query.split("&")]
    shown = [
        f"{name}{equals}{unquote(value) if name in _SHOWN_OPTIONS else value and '••••'}"
        for name, equals, value in options
    ]
    return f"{address}{mark}{'&'.join(shown)}"
