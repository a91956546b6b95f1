"""What a service said, as a log may keep it: bounded, on one line, without keys and without people's own words."""

import re
from collections.abc import Iterable
from typing import Any

from chatserver.errors import ChatserverError, ProviderError

# An operator is told the beginning: beyond this a service repeats the request.
LONGEST_LOGGED = 400
# Keys, what follows "Bearer" and "key=", names in addresses.
_SECRETS = re.compile(
    r"\b(?:hf_|sk-|pk-|gsk_|xai-|r8_|api_|key_)[\w-]{4,}\**[\w-]*|(?<=//)[^/@\s]+(?=@)"
    r"|(?i:\b(?:bearer|basic)\s+|(?:authorization|api[-_ ]?key|key|token|secret|password|signature|sig)[\"']?\s*[=:]\s*)"
    r"(?i:(?:bearer|basic)\s+)?[\"']?[^\s\"'&,;}]{4,}"
)


def without_secrets(words: str, secrets: Iterable[str] = ()) -> str:
    """The words with everything like a key masked, and those keys that are known, wherever they stand."""
    for secret in secrets:
        if len(secret) > 3:
            words = words.replace(secret, "••••")
    return _SECRETS.sub("••••", words)


def logged(error: ChatserverError, private: Iterable[str] = ()) -> dict[str, Any]:
    """What a log line says of a fault: its code, and the service's status and own words on one line.

    `private` are people's own words, which a service may repeat and no log may hold.
    """
    line: dict[str, Any] = {"code": error.code}
    if not isinstance(error, ProviderError):
        return line
    if error.answered is not None:
        line["status"] = error.answered
    said = error.said
    for words in private:
        said = said.replace(words, "…") if len(words) > 3 else said
    said = "".join(character if character.isprintable() else " " for character in without_secrets(said))
    return {**line, "said": " ".join(said.split())[:LONGEST_LOGGED]} if said.strip() else line
