"""Where the bytes of an asset lie: the owner's folder first, then the generation's, one name for each attempt.

<user>/<generation>/<attempt>.png             the file itself (.webm or .mp4 for a clip)
<user>/<generation>/<attempt>.thumbnail.webp  its thumbnail
<user>/<generation>/<attempt>.download.jpg    made on the first download in that format (.download.webp)
"""

import re

from chatserver.imaging.protocol import DownloadFormat

EXTENSIONS = {"image/png": ".png", "video/webm": ".webm", "video/mp4": ".mp4"}
FORMATS: dict[str, DownloadFormat] = {".jpg": "jpeg", ".webp": "webp"}
_TYPES = {**{extension: kind for kind, extension in EXTENSIONS.items()}, ".jpg": "image/jpeg", ".webp": "image/webp"}

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# What we put into a store ourselves; anything else there belongs to somebody else.
_OURS = re.compile(rf"{_UUID}/{_UUID}/[0-9]+\.[a-z0-9.]+|probe/{_UUID}(?:\.[a-z]+)?")
_PROBES = "probe/"


def base_key(user_id: str, generation_id: str, attempt: int) -> str:
    """What all keys of one attempt begin with."""
    return f"{user_id}/{generation_id}/{attempt}"


def thumbnail_key(base: str) -> str:
    """Where the thumbnail of an attempt lies."""
    return f"{base}.thumbnail.webp"


def download_key(storage_key: str, extension: str) -> str:
    """Where a file lies in another format."""
    return f"{base_of(storage_key)}.download{extension}"


def base_of(key: str) -> str:
    """The base that a key of ours begins with."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def possible_rows(key: str) -> list[str]:
    """The storage keys, one of which the row of this object's asset has."""
    return [base_of(key) + extension for extension in EXTENSIONS.values()]


def all_keys(storage_key: str, thumbnail: str) -> list[str]:
    """Everything that may be stored for one asset."""
    return [storage_key, thumbnail, *(download_key(storage_key, extension) for extension in FORMATS)]


def is_ours(key: str) -> bool:
    """Whether we may have put this object."""
    return _OURS.fullmatch(key) is not None


def is_probe(key: str) -> bool:
    """Whether somebody looks, or died while looking, whether the store works; the sweeper removes what was left."""
    return is_ours(key) and key.startswith(_PROBES)


def content_type_of(key: str) -> str:
    """The content type of what lies under a key of ours."""
    return _TYPES.get(key[key.rfind(".") :], "application/octet-stream")
