"""Credits: the rights to generations that a session owns."""

from chatserver.credits.models import Balance, Balances, Kind
from chatserver.credits.reconciler import Discrepancy, check
from chatserver.credits.service import (
    announce,
    balances,
    balances_of,
    came_free,
    capture,
    grant,
    hold,
    lock,
    lock_of_running,
    release,
    release_all,
    require,
)

__all__ = [
    "Balance",
    "Balances",
    "Discrepancy",
    "Kind",
    "announce",
    "balances",
    "balances_of",
    "came_free",
    "capture",
    "check",
    "grant",
    "hold",
    "lock",
    "lock_of_running",
    "release",
    "release_all",
    "require",
]
