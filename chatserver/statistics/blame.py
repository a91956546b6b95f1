"""Whose fault an error is: the provider's, ours (the operator's settings included), or that of the person who asked."""

from chatserver import errors
from chatserver.statistics.models import Blame

# A user's mistake says nothing about a provider.
_USERS_CODES = frozenset(
    each.code for each in (errors.Refused, errors.BlackedOut, errors.BadParameters, errors.SourceGone)
)
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
    """Whose fault an error with this code is. All others are ours: wrong keys, unpaid bills and wrong addresses are the
    operator's to mend."""
    if code in _USERS_CODES:
        return "user"
    return "provider" if code in _PROVIDERS_CODES else "ours"
