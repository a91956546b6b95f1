"""Turns errors and timeouts of an S3 server into StorageError. Its own messages are not passed on: they may name keys."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from chatserver.errors import StorageError
from chatserver.storage import s3_diagnosis

T = TypeVar("T")

_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {
    "401",
    "403",
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}

log = structlog.get_logger(__name__)


class Missing(StorageError):
    """There is no such object."""


class BucketMissing(StorageError):
    """The file store is not set up: its bucket does not exist. Create it with `chatserver storage create`."""


class PastTheEnd(StorageError):
    """The range begins behind the end of the object."""


async def guarded(call: Awaitable[T], seconds: float) -> T:
    """The call's result. Raises StorageError where it fails or takes longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise _storage_error(s3_diagnosis.timed_out(), "The file store did not answer in time.") from error
    except ClientError as error:
        raise _from_response(error) from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        cause = s3_diagnosis.of_failure(error)
        log.error("storage.failed", error=type(error).__name__, cause=cause.words)
        raise _storage_error(cause) from error


def _from_response(error: ClientError) -> StorageError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _MISSING and not s3_diagnosis.is_web_page(error):
        return Missing()
    if code == "InvalidRange":
        return PastTheEnd()
    cause = s3_diagnosis.of_response(error)
    log.error("storage.refused", code=code, operation=error.operation_name, cause=cause.words)
    if code == "NoSuchBucket":
        return BucketMissing(cause=cause.words, mend=cause.mend)
    return _storage_error(cause, "The file store refused this server's key." if code in _REFUSED else None)


def _storage_error(cause: s3_diagnosis.Cause, message: str | None = None) -> StorageError:
    return StorageError(message, cause=cause.words, mend=cause.mend)
