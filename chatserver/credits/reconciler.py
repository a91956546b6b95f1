"""Checks that the ledger (`credit_entries`), the credits and the sessions' counters agree (`chatserver credits check`)."""

from collections.abc import Mapping

from msgspec import Struct

from chatserver.database import Transaction


class Discrepancy(Struct, frozen=True):
    """One contradiction: what is wrong, and the row that shows it."""

    what: str
    where: dict[str, object]


_CHECKS = {
    "credits.wrong_rows": "the session's credits are not numbered without a gap",
    "credits.ungranted": "the extra credit and the line that gave it do not belong together",
    "credits.unsettled": "the generation's entries do not fit its status",
    "credits.misplaced": "the credit and its generation do not belong together",
    "credits.wrong_counts": "the session's counters differ from its captures",
}


async def check(tx: Transaction) -> list[Discrepancy]:
    """All discrepancies; none means that every credit is accounted for. Needs the worker role."""
    return await discrepancies(tx, _CHECKS)


async def discrepancies(tx: Transaction, checks: Mapping[str, str]) -> list[Discrepancy]:
    """Every row that a query finds, with what is wrong with it: `checks` is by the queries' names."""
    found = []
    for query, what in checks.items():
        found += [Discrepancy(what, dict(row)) for row in await tx.fetch_all(query)]
    return found
