"""Removes a model's reasoning, `<think>…</think>`, from a stream of text. Without I/O.

Servers that know their model send its reasoning in a separate field; others leave the tags in the text. The opening tag may
be missing (DeepSeek's template puts it into the prompt), the closing one may never come, and both may be split between two
pieces. Tags in code belong to an answer about tags and are kept.
"""

import re

_NAMES = ("think", "thinking", "thought", "reasoning", "seed:think")
# Magistral writes [THINK] and Kimi ◁think▷. Lower-case brackets are part of an answer.
_TAG = re.compile(rf"(?i:</?({'|'.join(_NAMES)})>)|\[/?THINK\]|◁/?think▷")
# Prefixes of tags at the end of a piece, which are held back until the next piece.
_TAG_FORMS = (*(f"<{{}}{name}" for name in _NAMES), "[{}think", "◁{}think")
_TAG_PREFIXES = {form.format(slash)[:length] for slash in ("", "/") for form in _TAG_FORMS for length in range(1, 13)}
_MAX_PREFIX = max(map(len, _TAG_PREFIXES))
_TAG_STARTS = ("<", "[", "◁")


class ReasoningFilter:
    """A filter for one answer.

    `found` is true once reasoning was removed, `retracted` once some of it had already been shown. `opened` begins inside
    the reasoning, for a model that is known to omit its opening tag.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self.found = False
        self.retracted = False
        # The open reasoning; None outside. Kept, because without a closing tag it may be the answer.
        self._inside: list[str] | None = [] if opened else None
        self._assumed = opened
        self._shown: list[str] = []
        self._rest = ""

    def feed(self, text: str) -> tuple[bool, str]:
        """(whether all text shown so far is to be retracted, the text to show now)."""
        text, self._rest = _split_prefix(self._rest + text)
        return self._filter(text)

    def flush(self) -> tuple[bool, str]:
        """As `feed`, for the text held back until the end of the answer."""
        retract, shown = self._filter(self._rest)
        reasoning, self._rest, self._inside = self._inside, "", None
        if reasoning is None:
            return retract, shown
        if self._shown or self._assumed:
            # Never closed by a model that was assumed to, or opened in the middle: it is part of the answer.
            return retract, shown + self._show("".join(reasoning))
        self.found = True
        return retract, shown

    def _filter(self, text: str) -> tuple[bool, str]:
        retract, shown = False, ""
        while tag := self._next_tag(text):
            before, text = text[: tag.start()], text[tag.end() :]
            if self._inside is not None:
                self._inside, self._assumed, self.found = None, False, True
            elif _closes(tag):
                # A closing tag alone: all text before it was reasoning.
                retract, shown, self._shown = True, "", []
                self.found = self.retracted = True
            else:
                shown += self._show(before)
                self._inside = [tag[0]]
        if self._inside is None:
            return retract, shown + self._show(text)
        self._inside.append(text)
        return retract, shown

    def _next_tag(self, text: str) -> re.Match[str] | None:
        tags = _TAG.finditer(text)
        if self._inside is not None:
            return next(filter(_closes, tags), None)
        # After reasoning in both its tags, a closing tag alone is text about tags.
        return next(
            (tag for tag in tags if not ((_closes(tag) and self.found) or self._in_code(text[: tag.start()]))), None
        )

    def _in_code(self, text: str) -> bool:
        """Whether the text after `text` is in a code block or begins inline code."""
        before = "".join(self._shown) + text
        return before.count("```") % 2 == 1 or before.endswith("`")

    def _show(self, text: str) -> str:
        text = text if self._shown else text.lstrip()
        if text:
            self._shown.append(text)
        return text


def _closes(tag: re.Match[str]) -> bool:
    return "/" in tag[0]


def without_reasoning(text: str) -> str:
    """A whole answer without its reasoning; empty where it holds nothing else."""
    reasoning_filter = ReasoningFilter()
    _, shown = reasoning_filter.feed(text)
    retract, rest = reasoning_filter.flush()
    return (rest if retract else shown + rest).strip()


def _split_prefix(text: str) -> tuple[str, str]:
    """(The text without a prefix of a tag at its end, that prefix)."""
    start = max(text.rfind(sign, -_MAX_PREFIX) for sign in _TAG_STARTS) if text else -1
    if start >= 0 and text[start:].lower() in _TAG_PREFIXES:
        return text[:start], text[start:]
    return text, ""
