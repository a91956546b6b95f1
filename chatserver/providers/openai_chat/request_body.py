"""The JSON body of a chat completion, and which of its optional parts a server refuses."""

import re
from typing import Any

import msgspec

from chatserver.errors import BadParameters, ProviderError, WrongAddress
from chatserver.providers.base import ChatRequest
from chatserver.providers.chat_history import alternating, merge_system_turn
from chatserver.providers.parameter_fallbacks import refused_parameters

# The optional parts. A system turn is no field, but some chat templates have no role for it.
SYSTEM, STREAM, STREAM_OPTIONS = "system", "stream", "stream_options"
_NO_SYSTEM = re.compile(
    r"\bsystem (role|message|prompt|instruction)s?\b|['\"`]system['\"`]|\brole\b.{0,60}\bsystem\b|roles? must alternate"
    r"|alternate user|\broles? (is |are )?(not |in|un)(supported|valid)",
    re.I,
)
_NO_STREAM = re.compile(r"stream(ing)?\b.{0,40}\bnot\b|(not|n't|un)\s?support\w* stream", re.I)
# Messages of a 400 that leaving out optional parts cannot avoid.
_PERMANENT = re.compile(r"token|context|length|too (long|large|many)|maximum|\bmodel\b", re.I)


def body(request: ChatRequest, model: str, without: frozenset[str] = frozenset()) -> bytes:
    """The JSON body without the given optional parts. `model` comes first: the router reads it from the first bytes."""
    model = request.model or model
    turns = alternating(request.turns)
    turns = merge_system_turn(turns) if SYSTEM in without else turns
    streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    if STREAM in without:
        streamed = {}
    elif STREAM_OPTIONS in without:
        streamed.pop(STREAM_OPTIONS)
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    return msgspec.json.encode({**({"model": model} if model else {}), "messages": messages, **streamed})


def unsupported_parts(error: ProviderError, without: frozenset[str]) -> frozenset[str]:
    """The parts to leave out at the next try, after an error before the first text; empty where that would not help."""
    if isinstance(error, WrongAddress) or error.service_status not in {None, 400, 404, 415, 422, 500, 501}:
        return frozenset()
    named = named_parts(error) - without
    if named:
        return named
    if (
        error.service_status in {400, 422}
        and type(error) is BadParameters
        and not _PERMANENT.search(error.service_message)
    ):
        # The error names no part, so the next try has only what every server supports.
        return frozenset({SYSTEM, STREAM_OPTIONS}) - without
    return frozenset()


def named_parts(error: ProviderError) -> frozenset[str]:
    """The optional parts that the error's message names."""
    said = error.service_message
    return frozenset(
        name
        for name, found in (
            (STREAM_OPTIONS, STREAM_OPTIONS in said or "include_usage" in said),
            (SYSTEM, bool(_NO_SYSTEM.search(said))),
            (STREAM, bool(refused_parameters(error, [STREAM]) or _NO_STREAM.search(said))),
        )
        if found
    )
