"""Parses STORAGE_URL. A wrong one raises ConfigurationError with one line that says what is wrong."""

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct

from chatserver.config import values
from chatserver.errors import ConfigurationError
from chatserver.net import urls
from chatserver.storage.keys import check_folder

# Where pictures and clips go when STORAGE_URL names no bucket.
IMAGES_BUCKET, VIDEOS_BUCKET = "generated-images", "generated-videos"
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class S3Address(Struct, frozen=True, kw_only=True):
    """The buckets of an S3 server: clips may have a bucket of their own.

    `endpoint` None is Amazon's own; `public_endpoint` is the one in presigned URLs.
    """

    images_bucket: str
    videos_bucket: str
    prefix: str = ""
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    path_style: bool = False


def folder_of(url: str) -> Path:
    """The folder of `file:/folder`, `file:///folder` or `file:folder`."""
    parts = urlsplit(url)
    # What stands behind # would be left out of the name, and another folder be used.
    if parts.netloc not in {"", "localhost"} or not parts.path or parts.query or parts.fragment:
        raise ConfigurationError(
            "STORAGE_URL must name a folder of this machine, such as file:/srv/files; # ? and % in its name are written "
            "%23 %3F and %25."
        )
    return values.home_of("STORAGE_URL", Path(unquote(parts.path)))


def s3_address(url: str) -> S3Address:
    """The parts of `s3://bucket/prefix?endpoint=…&region=…&path_style=…&public_endpoint=…`.

    Without a bucket, pictures go to `generated-images` and clips to `generated-videos`. With an endpoint, buckets are
    named in the path (as most servers want it) unless path_style says no.
    """
    if not url.startswith("s3://"):
        # Without the slashes the bucket would be parsed as a prefix in the default bucket.
        raise ConfigurationError("STORAGE_URL must look like s3://bucket/prefix?endpoint=…&region=….")
    parts = urlsplit(url)
    if parts.fragment:
        # It would be left out, with every option behind it.
        raise ConfigurationError("STORAGE_URL has a #, which no bucket, prefix or option holds.")
    options = dict(parse_qsl(parts.query))
    unknown = options.keys() - {"endpoint", "public_endpoint", "region", "path_style"}
    if unknown:
        raise ConfigurationError(f"STORAGE_URL has an option that we do not know: {min(unknown)}.")
    endpoint = _endpoint(options, "endpoint")
    return S3Address(
        images_bucket=_bucket(parts) or IMAGES_BUCKET,
        videos_bucket=_bucket(parts) or VIDEOS_BUCKET,
        prefix=_prefix(parts),
        endpoint=endpoint,
        public_endpoint=_endpoint(options, "public_endpoint"),
        region=_region(options.get("region", "us-east-1")),
        path_style=_flag(options.get("path_style"), default=endpoint is not None),
    )


def reader_origins(address: S3Address) -> list[str]:
    """The scheme and host of every presigned URL that these buckets may have."""
    endpoint = urlsplit(address.public_endpoint or address.endpoint or f"https://s3.{address.region}.amazonaws.com")
    hosts = [endpoint.netloc]
    if not address.path_style:
        buckets = sorted({address.images_bucket, address.videos_bucket})
        hosts += [f"{bucket}.{endpoint.netloc}" for bucket in buckets]
        hosts += [f"{bucket}.s3.amazonaws.com" for bucket in buckets if endpoint.netloc.endswith(".amazonaws.com")]
    return [f"{endpoint.scheme}://{host}" for host in hosts]


def _bucket(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        raise ConfigurationError("STORAGE_URL must hold no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    return parts.netloc


def _prefix(parts: SplitResult) -> str:
    try:
        return check_folder(unquote(parts.path).strip("/"))
    except ValueError:
        raise ConfigurationError("STORAGE_URL's prefix may hold letters, digits, `-`, `_` and `.` only.") from None


def _endpoint(options: dict[str, str], name: str) -> str | None:
    value = options.get(name)
    return urls.base(f"STORAGE_URL's {name}", value) if value else None


def _region(text: str) -> str:
    # It becomes a part of Amazon's host name.
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ConfigurationError("STORAGE_URL's region may hold letters, digits and `-` only, such as eu-central-1.")
    return text


def _flag(text: str | None, *, default: bool) -> bool:
    if text is None:
        return default
    if text.lower() not in _FLAGS:
        raise ConfigurationError("STORAGE_URL's path_style must be yes or no.")
    return _FLAGS[text.lower()]
