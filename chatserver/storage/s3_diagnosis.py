"""Diagnoses why a bucket cannot be used, for the operator: one sentence on the cause and one on the remedy.

The server's own messages are not repeated: they may name keys.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError


class Cause(NamedTuple):
    """A cause (`words`) and its remedy (`mend`), each as a sentence."""

    words: str
    mend: str


_REGION = Cause("The bucket is in another region.", "Set region= in STORAGE_URL to the bucket's own{hint}.")
_NOT_S3 = Cause(
    "What answers at the endpoint does not speak S3.",
    "Set endpoint= in STORAGE_URL to the address of the S3 interface, not that of a web console.",
)
_FULL = Cause("It is full, or over its quota.", "Free some of it, or raise the quota.")
_OVERLOADED = Cause("It asks for fewer requests, or is overloaded.", "Try again later, and look at the store's limits.")
_NO_KEYS = Cause("No keys are set.", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
_SESSION = Cause("The temporary keys are no longer good.", "Renew them, AWS_SESSION_TOKEN with them.")

_CODES = {
    "InvalidAccessKeyId": Cause("It does not know the access key.", "Set AWS_ACCESS_KEY_ID to a key of this store."),
    "SignatureDoesNotMatch": Cause(
        "It knows the access key, but the signature is wrong: another secret key, or another region.",
        "Set AWS_SECRET_ACCESS_KEY to the secret of this access key; then look at region= in STORAGE_URL.",
    ),
    "RequestTimeTooSkewed": Cause("This machine's clock differs too much from the store's.", "Set both by NTP."),
    "ExpiredToken": _SESSION,
    "InvalidToken": _SESSION,
    "NoSuchBucket": Cause("The bucket does not exist.", "Run chatserver storage create, or name another one."),
    "InvalidBucketName": Cause(
        "The bucket's name is not one that S3 takes.", "Use 3 to 63 lower-case letters, digits, dots and dashes."
    ),
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "307": _REGION,
    "400": _REGION._replace(words="It refuses the request without a word: most often another region, or expired keys."),
    "507": _FULL,
    "InsufficientStorage": _FULL,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "503": _OVERLOADED,
    "SlowDown": _OVERLOADED,
    "ServiceUnavailable": _OVERLOADED,
    "500": Cause("It failed on its own side.", "Look at the store's own log."),
    "InternalError": Cause("It failed on its own side.", "Look at the store's own log."),
    "405": _NOT_S3,
    "MethodNotAllowed": _NOT_S3,
    "501": _NOT_S3,
    "NotImplemented": _NOT_S3,
}
_RIGHTS = Cause("The key may not {verb} there.", "Give it the rights to get, put, delete and list on the bucket.")
_VERBS = {
    "PutObject": "write",
    "GetObject": "read",
    "HeadObject": "read",
    "DeleteObject": "remove",
    "ListObjectsV2": "list",
    "HeadBucket": "look at the bucket",
    "CreateBucket": "create the bucket",
}


def is_web_page(error: ClientError) -> bool:
    """Whether the response is a web page and not one of S3."""
    return "html" in _headers(error).get("content-type", "")


def of_response(error: ClientError) -> Cause:
    """The cause of an error response."""
    if is_web_page(error):
        return _NOT_S3
    fields = error.response.get("Error", {})
    code = str(fields.get("Code", ""))
    if code in {"401", "403", "AccessDenied", "AllAccessDisabled", "UnauthorizedAccess"}:
        return _RIGHTS._replace(words=_RIGHTS.words.format(verb=_VERBS.get(error.operation_name, "do this")))
    cause = _CODES.get(code, Cause("It refused the request.", "Look at the log for its code, and at STORAGE_URL."))
    region = fields.get("Region") or _headers(error).get("x-amz-bucket-region")
    return cause._replace(mend=cause.mend.format(hint=f": {region}" if _is_region(region) else ""))


def _headers(error: ClientError) -> dict[str, str]:
    return dict(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))


def of_failure(error: BaseException) -> Cause:
    """The cause of a failed connection, or of an error before anything was sent."""
    if isinstance(error, PartialCredentialsError):
        return Cause("Only one of the two keys is set.", _NO_KEYS.mend)
    if isinstance(error, NoCredentialsError):
        return _NO_KEYS
    if isinstance(error, ParamValidationError):
        return _CODES["InvalidBucketName"]
    if isinstance(error, ValueError):
        return Cause(
            "The endpoint is not an address.", "Write endpoint=https://name in STORAGE_URL, with a port if need be."
        )
    if isinstance(error, ResponseParserError):
        return _NOT_S3
    chain = list(_chain(error))
    if any(isinstance(each, socket.gaierror | aiohttp.ClientConnectorDNSError) for each in chain):
        return Cause("The endpoint's name is not known.", "Look at endpoint= in STORAGE_URL, and at path_style=yes.")
    if any(isinstance(each, ssl.SSLError | aiohttp.ClientSSLError) or "SSL" in type(each).__name__ for each in chain):
        return Cause(
            "No TLS connection: its certificate is not trusted, or it speaks plain HTTP.",
            "Look at http:// and https:// in the endpoint, and at AWS_CA_BUNDLE for a private authority.",
        )
    if any(isinstance(each, TimeoutError | asyncio.TimeoutError) or "Timeout" in type(each).__name__ for each in chain):
        return timed_out()
    if any(isinstance(each, ConnectionRefusedError) for each in chain):
        return Cause("Nothing listens at the endpoint.", "Look at the endpoint's port, and whether the store runs.")
    return Cause("The connection broke off.", "Look at http:// and https:// in the endpoint, and at the network.")


def bucket_missing() -> Cause:
    """The cause of a missing bucket."""
    return _CODES["NoSuchBucket"]


def timed_out() -> Cause:
    """The cause of a timeout."""
    return Cause("It does not answer in time.", "Look at the endpoint in STORAGE_URL, and at a firewall on the way.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error with its causes; botocore keeps the original one among its arguments."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            yield each
            inner = each.kwargs.get("error") if isinstance(each, BotoCoreError) else getattr(each, "os_error", None)
            waiting += [inner, each.__cause__, each.__context__]


def _is_region(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= 40 and text.replace("-", "").isalnum()
