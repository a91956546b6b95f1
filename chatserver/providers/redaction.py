"""Redacts services' messages for the log: on one line, of bounded length, without secrets and without people's texts."""

import re
from collections.abc import Iterable
from typing import Any

from chatserver.errors import ChatserverError, ProviderError

# Only the beginning is logged: long messages repeat the request.
MAX_LOGGED = 400
# Keys, what follows "Bearer" and "key=", credentials in URLs.
_SECRETS = re.compile(
    r"\b(?:hf_|sk-|pk-|gsk_|xai-|r8_|api_|key_)[\w-]{4,}\**[\w-]*|(?<=//)[^/@\s]+(?=@)"
    r"|(?i:\b(?:bearer|basic)\s+|(?:authorization|api[-_ ]?key|key|token|secret|password|signature|sig)[\"']?\s*[=:]\s*)"
    r"(?i:(?:bearer|basic)\s+)?[\"']?[^\s\"'&,;}]{4,}"
)


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with the given secrets, and everything that looks like a key, replaced by dots."""
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "••••")
    return _SECRETS.sub("••••", text)


def log_fields(error: ChatserverError, private: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a log line about an error: its code, and the service's status and redacted message.

    `private` are people's texts, which a service may repeat and the log must not hold.
    """
    fields: dict[str, Any] = {"code": error.code}
    if not isinstance(error, ProviderError):
        return fields
    if error.service_status is not None:
        fields["status"] = error.service_status
    message = error.service_message
    for text in private:
        message = message.replace(text, "…") if len(text) > 3 else message
    printable = (character if character.isprintable() else " " for character in without_secrets(message))
    line = " ".join("".join(printable).split())
    return {**fields, "said": line[:MAX_LOGGED]} if line else fields
