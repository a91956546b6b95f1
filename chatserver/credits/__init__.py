"""Credits: the rights to generations that a session owns."""

from chatserver.credits.models import Balance, Balances, Kind
from chatserver.credits.reconciler import Discrepancy, check
from chatserver.credits.service import (
    Hold,
    announce,
    balances,
    balances_from,
    balances_of,
    came_free,
    capture,
    grant,
    grant_extra,
    hold,
    holds_without_job,
    lock,
    lock_of_running,
    release,
    release_all,
    require,
    settle,
)

__all__ = [
    "Balance",
    "Balances",
    "Discrepancy",
    "Hold",
    "Kind",
    "announce",
    "balances",
    "balances_from",
    "balances_of",
    "came_free",
    "capture",
    "check",
    "grant",
    "grant_extra",
    "hold",
    "holds_without_job",
    "lock",
    "lock_of_running",
    "release",
    "release_all",
    "require",
    "settle",
]
