"""Rewords provider errors, which are about pictures, for the assistant."""

import contextlib
import re
from collections.abc import Iterator

from chatserver.errors import BadParameters, NoPermission, ProviderError, Truncated
from chatserver.providers.http import translated_errors
from chatserver.providers.redaction import without_secrets
from chatserver.providers.service_urls import ServiceUrl


@contextlib.contextmanager
def assistant_errors(address: ServiceUrl, url: str, key: str) -> Iterator[None]:
    """Rewords errors raised in the context for the assistant, without the key, which a service may repeat."""
    try:
        with translated_errors():
            yield
    except ProviderError as error:
        explained = address.explain(url, error)
        reworded = type(explained)(without_secrets(_reworded(explained), [key]), retry_after=error.retry_after)
        reworded.service_message, reworded.service_status = (
            without_secrets(explained.service_message, [key]),
            error.service_status,
        )
        raise reworded from error


# Messages that do not fit even with another subject.
_SENTENCES: dict[type[ProviderError], str] = {
    BadParameters: "The assistant's service does not take this conversation. Please try a shorter one.",
    NoPermission: "This server's key may not use the assistant's service. The operator has to allow it.",
    Truncated: "The answer stopped before its end.",
}


def _reworded(error: ProviderError) -> str:
    said = error.message.partition(" It said: ")[2]
    sentence = _SENTENCES.get(type(error))
    if sentence:
        return f"{sentence} It said: {said}" if said else sentence
    return re.sub(r"\b([Tt])he picture service", r"\1he assistant's service", error.message)
