"""Proves that the books, the rows and the counters of credits agree. Run by `chatserver credits check`."""

from msgspec import Struct

from chatserver.database import Transaction


class Discrepancy(Struct, frozen=True):
    """One place where the books do not agree: what is wrong, and the row that shows it."""

    what: str
    where: dict[str, object]


_CHECKS = {
    "credits.wrong_rows": "the session's credits are not numbered without a gap",
    "credits.unsettled": "the generation's entries do not fit its status",
    "credits.misplaced": "the credit and its generation do not belong together",
    "credits.wrong_counts": "the session's counters differ from its captures",
}


async def check(tx: Transaction) -> list[Discrepancy]:
    """Every discrepancy there is; an empty list proves that credits are conserved. Needs the worker role."""
    found = []
    for query, what in _CHECKS.items():
        found += [Discrepancy(what, dict(row)) for row in await tx.fetch_all(query)]
    return found
