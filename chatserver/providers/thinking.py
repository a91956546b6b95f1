"""What a model thinks aloud before its answer, folded away: `<think>…</think>` in a stream of text, without I/O.

Servers that know their model send its thoughts in a field of their own; all others leave the tags in the text. The opening
tag may be missing (DeepSeek's template writes it into the prompt), the closing one may never come, and both may be cut
in two on their way. Tags in code are an answer about tags, and stay.
"""

import re

_NAMES = ("think", "thinking", "thought", "reasoning", "seed:think")
# Magistral writes [THINK] and Kimi ◁think▷. In small letters, brackets are an answer's own.
_TAG = re.compile(rf"(?i:</?({'|'.join(_NAMES)})>)|\[/?THINK\]|◁/?think▷")
# What a tag may begin with at the end of a piece: held back until the rest has come.
_FORMS = (*(f"<{{}}{name}" for name in _NAMES), "[{}think", "◁{}think")
_PARTS = {form.format(slash)[:length] for slash in ("", "/") for form in _FORMS for length in range(1, 13)}
_LONGEST_PART = max(map(len, _PARTS))
_BEGINS = ("<", "[", "◁")


class Thinking:
    """A filter for one answer. `thought` says that something was folded away, `taken_back` that it had been shown.

    `opened` begins inside the thoughts, for a model that is known to leave its opening tag out.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self.thought = False
        self.taken_back = False
        # The thoughts that are open now; None outside. Kept, because they may turn out to be the answer.
        self._inside: list[str] | None = [] if opened else None
        self._assumed = opened
        self._shown: list[str] = []
        self._rest = ""

    def feed(self, text: str) -> tuple[bool, str]:
        """(whether all that was shown before is to be taken back, what is to be shown now)."""
        text, self._rest = _without_part(self._rest + text)
        return self._take(text)

    def end(self) -> tuple[bool, str]:
        """The same for what was held back until the end of the answer."""
        back, shown = self._take(self._rest)
        thoughts, self._rest, self._inside = self._inside, "", None
        if thoughts is None:
            return back, shown
        if self._shown or self._assumed:
            # Never closed by a model that always does, or opened in the middle: words after all.
            return back, shown + self._show("".join(thoughts))
        self.thought = True
        return back, shown

    def _take(self, text: str) -> tuple[bool, str]:
        back, shown = False, ""
        while tag := self._next_tag(text):
            before, text = text[: tag.start()], text[tag.end() :]
            if self._inside is not None:
                self._inside, self._assumed, self.thought = None, False, True
            elif _closes(tag):
                # Alone: all before it was thought.
                back, shown, self._shown = True, "", []
                self.thought = self.taken_back = True
            else:
                shown += self._show(before)
                self._inside = [tag[0]]
        if self._inside is None:
            return back, shown + self._show(text)
        self._inside.append(text)
        return back, shown

    def _next_tag(self, text: str) -> re.Match[str] | None:
        tags = _TAG.finditer(text)
        if self._inside is not None:
            return next(filter(_closes, tags), None)
        # After thoughts in both their tags, a closing one alone is a word about tags.
        return next(
            (tag for tag in tags if not ((_closes(tag) and self.thought) or self._in_code(text[: tag.start()]))), None
        )

    def _in_code(self, text: str) -> bool:
        """Whether what follows stands in a block of code, or begins a code of its own."""
        before = "".join(self._shown) + text
        return before.count("```") % 2 == 1 or before.endswith("`")

    def _show(self, text: str) -> str:
        text = text if self._shown else text.lstrip()
        if text:
            self._shown.append(text)
        return text


def _closes(tag: re.Match[str]) -> bool:
    return "/" in tag[0]


def without_thinking(text: str) -> str:
    """A whole answer without its thoughts; empty where it holds nothing else."""
    filtered = Thinking()
    _, shown = filtered.feed(text)
    back, rest = filtered.end()
    return (rest if back else shown + rest).strip()


def _without_part(text: str) -> tuple[str, str]:
    """The text without what may be the beginning of a tag at its end, and that."""
    start = max(text.rfind(sign, -_LONGEST_PART) for sign in _BEGINS) if text else -1
    if start >= 0 and text[start:].lower() in _PARTS:
        return text[:start], text[start:]
    return text, ""
