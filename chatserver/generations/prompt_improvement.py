"""A better prompt on request: the assistant's model rewrites what somebody wants to see. Nothing is stored or sent on."""

import contextlib
import re
from collections.abc import AsyncGenerator
from typing import cast

import structlog
from msgspec import Struct

from chatserver import sessions
from chatserver.database import Database, Transaction
from chatserver.errors import NotAllowed, ProviderError
from chatserver.generations.requests import PROMPT_LENGTH
from chatserver.moderation import rules
from chatserver.moderation.rules import PromptTexts
from chatserver.providers.base import ChatChunk, ChatProvider, ChatRequest, Retracted, TextDelta, Turn, Usage
from chatserver.providers.redaction import log_fields
from chatserver.realtime.ports import Caller
from chatserver.sessions.models import Membership
from chatserver.users import rate_limits
from chatserver.validation import paragraphs

INSTRUCTIONS = (
    "You rewrite prompts for a picture model. Keep what the person wants to see; add what makes it vivid: the place, the "
    "light, the composition, the manner. Answer with the new prompt alone, in the language of the given one, in at most "
    "sixty words, without quotation marks and without Markdown."
)
log = structlog.get_logger(__name__)
_FENCE = re.compile(r"```\w*\n(.*?)```", re.S)


class ImprovePrompt(Struct, frozen=True, forbid_unknown_fields=True):
    """Rewrite a prompt; the answer holds the better one."""

    prompt: str


class ImprovedPrompt(Struct, frozen=True):
    """The better prompt."""

    prompt: str


async def improve(database: Database, chat: ChatProvider, caller: Caller, command: ImprovePrompt) -> ImprovedPrompt:
    """The prompt as the plan's model would have it. NotAllowed where there is only the built-in guide.

    PromptNotAllowed where a rule of the operator's refuses the prompt, or what the model has made of it.

    It may take as long as an answer of the assistant may (the settings CHAT_…): a local model may have to be loaded first.
    """
    if not chat.is_model:
        raise NotAllowed("No language model is set up here, so prompts cannot be improved.")
    prompt = paragraphs("prompt", command.prompt, PROMPT_LENGTH)
    membership = await database.run_as(caller.viewer.id, _begin, caller.session_id, prompt)
    request = ChatRequest(
        turns=(Turn("system", INSTRUCTIONS), Turn("user", prompt)), model=membership.chat_model or None
    )
    try:
        words, usage = await _answer(chat, request)
    except ProviderError as error:
        _log(chat, caller, request, error)
        raise
    await database.run_system(_count, caller.session_id, usage)
    improved = _bare(words) or prompt
    await database.run_as(caller.viewer.id, rules.require_allowed, membership.plan_id, PromptTexts(prompt=improved))
    return ImprovedPrompt(improved)


def _log(chat: ChatProvider, caller: Caller, request: ChatRequest, error: ProviderError) -> None:
    service, model = chat.label, request.model or chat.model()
    private = [turn.text for turn in request.turns if turn.role == "user"]
    log.warning(
        "prompt_improvement.failed",
        session_id=caller.session_id,
        service=service,
        model=model,
        **log_fields(error, private),
    )


async def _begin(tx: Transaction, session_id: str, prompt: str) -> Membership:
    membership = await sessions.active_membership(tx, session_id)
    await rules.require_allowed(tx, membership.plan_id, PromptTexts(prompt=prompt))
    await rate_limits.consume(tx, rate_limits.IMPROVED_PROMPTS, membership.user_id)
    return membership


async def _answer(chat: ChatProvider, request: ChatRequest) -> tuple[str, Usage]:
    words, usage = "", Usage(0, 0)
    async with contextlib.aclosing(cast(AsyncGenerator[ChatChunk, None], chat.reply(request))) as steps:
        async for step in steps:
            if isinstance(step, TextDelta):
                words += step.text
            elif isinstance(step, Retracted):
                words = ""
            elif isinstance(step, Usage):
                usage = step
            if len(words) > 2 * PROMPT_LENGTH:
                break
    return words, usage


async def _count(tx: Transaction, session_id: str, usage: Usage) -> None:
    await tx.execute(
        "sessions.count_tokens", session_id=session_id, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out
    )


def _bare(words: str) -> str:
    """The prompt itself: some models put it into a block of code or into quotation marks all the same."""
    fenced = _FENCE.search(words)
    return (fenced[1] if fenced else words).strip().strip("\"'“”„`").strip()[:PROMPT_LENGTH]
