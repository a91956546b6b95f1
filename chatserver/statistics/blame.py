"""Whose fault an error is: the provider's, ours (the operator's settings included), or that of the person who asked."""

from chatserver import errors
from chatserver.errors import ChatserverError
from chatserver.statistics.models import Blame

# A user's mistake says nothing about a provider; wrong keys, unpaid bills and wrong addresses are the operator's to mend.
_USERS: tuple[type[ChatserverError], ...] = (errors.Refused, errors.BlackedOut, errors.BadParameters, errors.SourceGone)
_OURS: tuple[type[ChatserverError], ...] = (
    errors.InvalidToken,
    errors.NoPermission,
    errors.ProviderCreditsUsedUp,
    errors.ModelGone,
    errors.WrongAddress,
    errors.SimulatedFailure,
)
_OURS_CODES = frozenset(each.code for each in _OURS)
_USERS_CODES = frozenset(each.code for each in _USERS)
_PROVIDERS_CODES = frozenset(
    each.code
    for each in (
        errors.ProviderError,
        errors.ProviderRateLimited,
        errors.ProviderDown,
        errors.TimedOut,
        errors.ModelLoadingTooLong,
        errors.BadBytes,
        errors.NotAsOrdered,
        errors.Truncated,
        errors.NoWords,
    )
)


def blame_of(code: str) -> Blame:
    """Whose fault an error with this code is; ours where it is no error of a provider at all."""
    if code in _USERS_CODES:
        return "user"
    return "provider" if code in _PROVIDERS_CODES else "ours"
