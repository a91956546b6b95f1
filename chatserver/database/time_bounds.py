"""Ids as moments: UUIDv7 ids are in the order of time, so that a period is a range of ids."""

import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def first_id(moment: datetime) -> str:
    """The smallest id of a moment: everything made before it has a smaller one."""
    milliseconds = max((moment - _EPOCH) // _MILLISECOND, 0)
    return str(uuid.UUID(int=milliseconds << 80))


def moment_of(id_: str) -> datetime:
    """When an id was made, to the millisecond."""
    return _EPOCH + (uuid.UUID(id_).int >> 80) * _MILLISECOND


def following(id_: str) -> str:
    """The id after an id: what comes before it includes that one."""
    return str(uuid.UUID(int=min(uuid.UUID(id_).int + 1, 2**128 - 1)))


def preceding(id_: str) -> str:
    """The id before an id: what comes after it includes that one."""
    return str(uuid.UUID(int=max(uuid.UUID(id_).int - 1, 0)))
