"""Optional parameters that a server was found not to support, kept in memory for the life of the process.

Servers implement different parts of one protocol. A request that is refused for such a parameter is repeated without it,
and later requests leave it out at once.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable

from chatserver.errors import ProviderError

# A handful of servers and models are in use, but plans may name any model, so the memory is bounded.
MAX_KEPT = 256
# Tries that one request may take: some servers name one parameter at a time.
MAX_TRIES = 8
# Statuses with which servers refuse a parameter: mostly a bad request, sometimes a bug of theirs; None is a 200.
_REFUSAL_STATUSES = {None, 400, 415, 422, 500, 501}
_UNSUPPORTED = re.compile(
    r"un(known|recogni[sz]ed|expected|supported)|not (be )?(permitted|allowed|supported|recogni[sz]ed|known|accepted|used"
    r"|implemented)|(does|do)(n't| not) (support|accept|take|allow|know)|extra (input|field|key|param)"
    r"|additional propert|invalid (parameter|field|argument|key)|no such (parameter|field)|extra_forbidden",
    re.I,
)
# After this, the message names the parameters that are supported.
_SUPPORTED = re.compile(
    r"\bexpected( one of)?\b|\b(supported|allowed|valid|accepted|available) (\w+ )?(are|include|:)|\buse ['\"`]", re.I
)


class ParameterFallbacks:
    """The unsupported parameters, by server and model."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, frozenset[str]] = OrderedDict()

    def unsupported(self, key: Hashable) -> frozenset[str]:
        """The parameters to leave out from the start."""
        return self._kept.get(key, frozenset())

    def forget(self, key: Hashable) -> None:
        """Drops what was remembered: it no longer holds."""
        self._kept.pop(key, None)

    def remember(self, key: Hashable, names: frozenset[str]) -> None:
        """Remembers the parameters without which a request was answered."""
        if not names:
            return
        self._kept[key] = names
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def refused_parameters(error: ProviderError, names: Iterable[str]) -> frozenset[str]:
    """The names, of those that were sent, that this error says the server does not support."""
    if error.service_status not in _REFUSAL_STATUSES or not _UNSUPPORTED.search(error.service_message):
        return frozenset()
    said = _SUPPORTED.split(error.service_message)[0]
    return frozenset(name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said, re.I))
