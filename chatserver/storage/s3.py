"""Objects in buckets of an S3 server, Amazon's or another, through one client for the whole process.

Every call has a deadline of our own: botocore's read timeout does not run while a server withholds its "100 Continue".
Credentials (`AWS_ACCESS_KEY_ID`, …) come from where the AWS tools look for them.
"""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from datetime import datetime
from typing import Any, TypeVar

import aioboto3
import structlog
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError

from chatserver import ids
from chatserver.errors import ConfigurationError, StorageError
from chatserver.storage import s3_diagnosis
from chatserver.storage.address import S3Address
from chatserver.storage.base import StoredObject
from chatserver.storage.keys import check_folder, check_key
from chatserver.storage.s3_errors import BucketMissing, Missing, PastTheEnd, guarded
from chatserver.storage.stream_deadline import StreamDeadline

T = TypeVar("T")

# Seconds for the response to one call, without the transfer of a body.
DEADLINE_SECONDS = 20.0
# A transfer that is slower, in bytes a second, is aborted.
MIN_BYTES_PER_SECOND = 128 * 1024
PIECE_BYTES = 256 * 1024
# Larger objects are uploaded in parts of this size; S3 takes no part below 5 MiB.
PART_BYTES = 8 * 1024 * 1024
# Objects in one page of a list: the maximum of S3.
PAGE_OBJECTS = 1000
# Connections of one process to the store.
CONNECTIONS = 32

_CLIPS = (".webm", ".mp4")

log = structlog.get_logger(__name__)


class S3Storage:
    """One bucket, or one for pictures and one for clips. Made by `open`, ended by `close`."""

    def __init__(self, address: S3Address, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._address = address
        self._deadline = deadline
        self._open = contextlib.AsyncExitStack()
        self._client: Any = None
        self._public_client: Any = None

    @classmethod
    async def open(cls, address: S3Address, *, deadline: float = DEADLINE_SECONDS) -> "S3Storage":
        """Makes the client; sends nothing yet. Raises ConfigurationError."""
        storage = cls(address, deadline=deadline)
        storage._client = await storage._connect(address.endpoint)
        public = address.public_endpoint
        storage._public_client = await storage._connect(public) if public else storage._client
        return storage

    async def _connect(self, endpoint: str | None) -> Any:
        config = ClientConfig(
            signature_version="s3v4",
            connect_timeout=min(5, self._deadline),
            read_timeout=self._deadline,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "max_attempts": 3},
            s3={"addressing_style": "path" if self._address.path_style else "auto"},
            # Newer checksums use an encoding that few servers but Amazon's support.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = aioboto3.Session()
        client = session.client("s3", endpoint_url=endpoint, region_name=self._address.region, config=config)
        try:
            return await self._open.enter_async_context(client)
        except (ValueError, BotoCoreError) as error:
            cause = s3_diagnosis.of_failure(error)
            raise ConfigurationError(f"STORAGE_URL cannot be used. {cause.words} {cause.mend}") from None

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data` under `key`; large objects as a multipart upload, which becomes visible at once."""
        place = self._place(key)
        if len(data) > PART_BYTES:
            await self._put_parts(place, data, content_type)
        else:
            call = self._client.put_object(**place, Body=data, ContentType=content_type)
            await self._guarded(call, transfer=len(data))

    async def _put_parts(self, place: dict[str, str], data: bytes, content_type: str) -> None:
        begun = await self._guarded(self._client.create_multipart_upload(**place, ContentType=content_type))
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            parts = [await self._put_part(upload, data, start) for start in range(0, len(data), PART_BYTES)]
            await self._guarded(self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}))
        except BaseException:
            # What cannot be aborted now is aborted by `remove_unfinished`.
            with contextlib.suppress(StorageError):
                await asyncio.shield(self._guarded(self._client.abort_multipart_upload(**upload)))
            raise

    async def _put_part(self, upload: dict[str, str], data: bytes, start: int) -> dict[str, Any]:
        number, body = start // PART_BYTES + 1, data[start : start + PART_BYTES]
        call = self._client.upload_part(**upload, PartNumber=number, Body=body)
        sent = await self._guarded(call, transfer=len(body))
        return {"ETag": sent["ETag"], "PartNumber": number}

    async def get(self, key: str) -> bytes:
        """The whole object; KeyError where there is none."""
        response = await self._fetch(key)
        body, size = response["Body"], response["ContentLength"]
        async with body:
            data: bytes = await self._guarded(body.read(), transfer=size)
        if len(data) != size:
            raise StorageError
        return data

    async def read(self, key: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """`length` bytes from `start`, in pieces, as they arrive; KeyError where there is none."""
        if length <= 0:
            return
        try:
            response = await self._fetch(key, Range=f"bytes={start}-{start + length - 1}")
        except PastTheEnd:
            return
        body, deadline = response["Body"], StreamDeadline(self._deadline, MIN_BYTES_PER_SECOND)
        async with body:
            while piece := await deadline.read(body, PIECE_BYTES):
                yield piece

    async def _fetch(self, key: str, **options: str) -> Any:
        try:
            return await self._guarded(self._client.get_object(**self._place(key), **options))
        except Missing:
            raise KeyError(key) from None

    async def stat(self, key: str) -> StoredObject | None:
        """Size and time of an object, or None."""
        place = self._place(key)
        try:
            head = await self._guarded(self._client.head_object(**place))
        except Missing:
            # A response to HEAD has no body: find out whether the bucket is missing.
            await self._check_bucket(place["Bucket"])
            return None
        return StoredObject(key, head["ContentLength"], head["LastModified"])

    async def delete(self, key: str) -> None:
        """Removes an object; no error where there is none."""
        with contextlib.suppress(Missing):
            await self._guarded(self._client.delete_object(**self._place(key)))

    async def walk(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object below `prefix`, in the order of keys, over both buckets."""
        folder = self._address.prefix + check_folder(prefix)
        walks = [self._walk_bucket(bucket, folder) for bucket in self._buckets()]
        heads = [(found.key, index, found) for index, each in enumerate(walks) if (found := await anext(each, None))]
        heapq.heapify(heads)
        while heads:
            _, index, found = heads[0]
            yield found
            following = await anext(walks[index], None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.key, index, following))

    async def _walk_bucket(self, bucket: str, folder: str) -> AsyncIterator[StoredObject]:
        more: dict[str, str] = {}
        while True:
            call = self._client.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=PAGE_OBJECTS, **more)
            page = await self._guarded(call)
            for each in page.get("Contents", ()):
                yield StoredObject(each["Key"].removeprefix(self._address.prefix), each["Size"], each["LastModified"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def presign(self, key: str, *, content_type: str, disposition: str, seconds: int) -> str | None:
        """A URL that serves the object for `seconds` with this content type and Content-Disposition."""
        options = {**self._place(key), "ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        address: str = await self._guarded(
            self._public_client.generate_presigned_url("get_object", Params=options, ExpiresIn=seconds)
        )
        return address

    async def remove_unfinished(self, before: datetime) -> int:
        """Aborts unfinished multipart uploads: their parts cost money and appear in no list of objects."""
        removed = 0
        for bucket in self._buckets():
            page = await self._guarded(self._client.list_multipart_uploads(Bucket=bucket, Prefix=self._address.prefix))
            for upload in page.get("Uploads", ()):
                if upload["Initiated"] < before:
                    place = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                    with contextlib.suppress(Missing):
                        await self._guarded(self._client.abort_multipart_upload(**place))
                    removed += 1
        return removed

    async def create(self) -> list[str]:
        """Creates the buckets where they are missing; returns the names of all."""
        for bucket in self._buckets():
            try:
                await self._check_bucket(bucket)
            except BucketMissing:
                await self._guarded(self._client.create_bucket(Bucket=bucket, **self._location()))
        return self._buckets()

    def _location(self) -> dict[str, Any]:
        # Amazon refuses a LocationConstraint of us-east-1, its default.
        region = self._address.region
        return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}

    async def check(self) -> None:
        """Writes, reads and removes a probe in each bucket."""
        for suffix in (".png", ".webm")[: len(self._buckets())]:
            key = f"probe/{ids.new()}{suffix}"
            await self.put(key, b"probe", "application/octet-stream")
            if await self.get(key) != b"probe":
                raise StorageError
            await self.delete(key)

    async def close(self) -> None:
        """Closes the connections."""
        await self._open.aclose()

    async def _check_bucket(self, bucket: str) -> None:
        try:
            await self._guarded(self._client.head_bucket(Bucket=bucket))
        except Missing:
            log.error("storage.bucket_missing", bucket=bucket)
            words, mend = s3_diagnosis.bucket_missing()
            raise BucketMissing(cause=words, mend=mend) from None

    def _buckets(self) -> list[str]:
        return sorted({self._address.images_bucket, self._address.videos_bucket})

    def _place(self, key: str) -> dict[str, str]:
        check_key(key)
        bucket = self._address.videos_bucket if key.endswith(_CLIPS) else self._address.images_bucket
        return {"Bucket": bucket, "Key": self._address.prefix + key}

    async def _guarded(self, call: Awaitable[T], *, transfer: int = 0) -> T:
        return await guarded(call, self._deadline + transfer / MIN_BYTES_PER_SECOND)
