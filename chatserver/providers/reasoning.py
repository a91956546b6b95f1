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
        self._shown = False
        self._ticks = _Ticks()  # of what was shown
        self._rest = ""

    def feed(self, text: str) -> tuple[bool, str]:
        """(whether all text shown so far is to be retracted, the text to show now)."""
        text, self._rest = _split_prefix(self._rest + text)
        return self._filter(text)

    def flush(self) -> tuple[bool, str]:
        """(whether all text shown is to be retracted, the text that was held back), at the end of the answer."""
        retract, shown = self._filter(self._rest)
        reasoning, self._rest, self._inside = self._inside, "", None
        if reasoning is None:
            return retract, shown
        if self._shown or self._assumed:
            # Never closed by a model that was assumed to, or opened in the middle: it is part of the answer.
            text = "".join(reasoning)
            self._ticks.read_on(text)
            return retract, shown + self._show(text)
        self.found = True
        return retract, shown

    def _filter(self, text: str) -> tuple[bool, str]:
        shown: list[str] = []
        retract, start, seen = False, 0, 0
        for tag in _TAG.finditer(text):
            if self._inside is not None:
                if _closes(tag):
                    self._inside, self._assumed, self.found = None, False, True
                    start = seen = tag.end()
                continue
            self._ticks.read_on(text[seen : tag.start()])
            seen = tag.start()
            # After reasoning in both its tags, a closing tag alone is text about tags.
            if (_closes(tag) and self.found) or self._ticks.in_code:
                continue
            if _closes(tag):
                # A closing tag alone: all text before it was reasoning.
                retract, shown, self._shown, self._ticks = True, [], False, _Ticks()
                self.found = self.retracted = True
            else:
                shown.append(self._show(text[start : tag.start()]))
                self._inside = [tag[0]]
            start = seen = tag.end()
        if self._inside is not None:
            self._inside.append(text[start:])
        else:
            self._ticks.read_on(text[seen:])
            shown.append(self._show(text[start:]))
        return retract, "".join(shown)

    def _show(self, text: str) -> str:
        text = text if self._shown else text.lstrip()
        self._shown = self._shown or bool(text)
        return text


class _Ticks:
    """Counts the fences of a growing text: whether its end is in a block of code, or begins inline code."""

    def __init__(self) -> None:
        self._fences, self._run = 0, 0

    def read_on(self, text: str) -> None:
        """More of the text."""
        rest = text.lstrip("`")
        run = self._run + len(text) - len(rest)
        self._fences += run // 3 - self._run // 3
        self._run = run
        if rest:
            self._fences += rest.count("```")
            self._run = len(rest) - len(rest.rstrip("`"))

    @property
    def in_code(self) -> bool:
        return self._fences % 2 == 1 or self._run > 0


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
