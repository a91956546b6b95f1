"""What a server was found to do without: optional fields that it refuses, kept for the life of the process.

Servers that speak one protocol take different parts of it. Whoever is refused for such a part asks again without it, and
from then on at once without.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable

from chatserver.errors import ProviderError

# Servers and models in use are a handful; plans may name any model, so the memory has an end.
MOST_KEPT = 256
# Tries in a row that one request may cost: some servers name one field at a time.
MOST_TRIES = 8
# Statuses with which servers refuse a field: a bad request as a rule, a bug of theirs now and then; None is a 200.
_REFUSING = {None, 400, 415, 422, 500, 501}
_UNKNOWN = re.compile(
    r"un(known|recogni[sz]ed|expected|supported)|not (be )?(permitted|allowed|supported|recogni[sz]ed|known|accepted|used"
    r"|implemented)|(does|do)(n't| not) (support|accept|take|allow|know)|extra (input|field|key|param)"
    r"|additional propert|invalid (parameter|field|argument|key)|no such (parameter|field)|extra_forbidden",
    re.I,
)
# What follows names the fields that are taken.
_TAKEN = re.compile(
    r"\bexpected( one of)?\b|\b(supported|allowed|valid|accepted|available) (\w+ )?(are|include|:)|\buse ['\"`]", re.I
)


class Concessions:
    """The names that are left out, by server and model."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, frozenset[str]] = OrderedDict()

    def of(self, key: Hashable) -> frozenset[str]:
        """What to leave out from the start."""
        return self._kept.get(key, frozenset())

    def forget(self, key: Hashable) -> None:
        """It was no longer so."""
        self._kept.pop(key, None)

    def keep(self, key: Hashable, names: frozenset[str]) -> None:
        """Remembers what it took to be answered."""
        if not names:
            return
        self._kept[key] = names
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def refused(error: ProviderError, names: Iterable[str]) -> frozenset[str]:
    """Which of the fields that were sent this error calls unknown to the server."""
    if error.answered not in _REFUSING or not _UNKNOWN.search(error.said):
        return frozenset()
    said = _TAKEN.split(error.said)[0]
    return frozenset(name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said, re.I))
