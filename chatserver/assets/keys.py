"""Storage keys of assets: the owner's folder, then the generation's, with one name for each attempt.

<user>/<generation>/<attempt>.png             the file itself (.webm or .mp4 for a clip)
<user>/<generation>/<attempt>.thumbnail.webp  its thumbnail
<user>/<generation>/<attempt>.sealed.jpg      made on the first download in that format (.sealed.webp)
<user>/<generation>/<attempt>.marked.png      the same with the visible mark (.marked.jpg, .marked.webp)
<user>/<generation>/<attempt>.1024.webp       a picture's preview of that side, made when it is first shown
<user>/<generation>/<attempt>.shared.png      the file without prompt and seed, for share links (.shared.jpg, .shared.webp,
                                              .shared.mp4, .shared.webm; with the visible mark .shared.marked.png, …)
"""

import re

from chatserver.imaging.protocol import DownloadFormat

EXTENSIONS = {"image/png": ".png", "video/webm": ".webm", "video/mp4": ".mp4"}
# The longer sides, in pixels, in which a page may ask for a picture beside its thumbnail: two and three times what a
# picture measures there, for screens with as many pixels to one of CSS.
PREVIEW_SIDES = (1024, 2048)
FORMATS: dict[str, DownloadFormat] = {".png": "png", ".jpg": "jpeg", ".webp": "webp"}
# Kept by versions before 0.2, without a manifest: only removed.
_UNSEALED = (".download.jpg", ".download.webp")
_TYPES = {**{extension: kind for kind, extension in EXTENSIONS.items()}, ".jpg": "image/jpeg", ".webp": "image/webp"}

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Keys of this product; any other object in the store belongs to somebody else.
_OURS = re.compile(rf"{_UUID}/{_UUID}/[0-9]+\.[a-z0-9.]+|probe/{_UUID}(?:\.[a-z]+)?")
_OURS_BELOW = re.compile(rf"(.+)/{_UUID}/{_UUID}/[0-9]+\.[a-z0-9.]+")
_PROBES = "probe/"


def base_key(user_id: str, generation_id: str, attempt: int) -> str:
    """The prefix of all keys of one attempt."""
    return f"{user_id}/{generation_id}/{attempt}"


def thumbnail_key(base: str) -> str:
    """The key of an attempt's thumbnail."""
    return f"{base}.thumbnail.webp"


def download_key(storage_key: str, extension: str, *, marked: bool = False) -> str:
    """The key of a picture in another format, or with the visible mark."""
    return f"{base_of(storage_key)}.{'marked' if marked else 'sealed'}{extension}"


def shared_key(storage_key: str, extension: str, *, marked: bool = False) -> str:
    """The key of a file's copy without prompt and seed, for share links."""
    return f"{base_of(storage_key)}.shared{'.marked' if marked else ''}{extension}"


def preview_key(storage_key: str, side: int) -> str:
    """The key of a picture's preview of at most `side` pixels a side."""
    return f"{base_of(storage_key)}.{side}.webp"


def base_of(key: str) -> str:
    """The base key of a key of this product."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def possible_rows(key: str) -> list[str]:
    """The storage keys that the row of this object's asset may have."""
    return [base_of(key) + extension for extension in EXTENSIONS.values()]


def all_keys(storage_key: str, thumbnail: str) -> list[str]:
    """The keys of everything that may be stored for one asset."""
    base = base_of(storage_key)
    downloads = [
        download_key(storage_key, extension, marked=marked) for extension in FORMATS for marked in (False, True)
    ]
    previews = [preview_key(storage_key, side) for side in PREVIEW_SIDES]
    shared = _shared_keys(storage_key)
    return [storage_key, thumbnail, *downloads, *previews, *shared, *(base + ending for ending in _UNSEALED)]


def _shared_keys(storage_key: str) -> list[str]:
    extension = storage_key[storage_key.rfind(".") :]
    if extension not in FORMATS:
        return [shared_key(storage_key, extension)]
    return [shared_key(storage_key, each, marked=marked) for each in FORMATS for marked in (False, True)]


def is_ours(key: str) -> bool:
    """Whether this product may have stored this object."""
    return _OURS.fullmatch(key) is not None


def folder_above(key: str) -> str:
    """The folder below which an object has the form of this product's keys; empty where it has not, or has it as it is."""
    found = _OURS_BELOW.fullmatch(key)
    return found[1] if found else ""


def is_probe(key: str) -> bool:
    """Whether it is an object of the check that the store works; the sweeper removes those of interrupted checks."""
    return is_ours(key) and key.startswith(_PROBES)


def content_type_of(key: str) -> str:
    """The content type of the object of a key of this product."""
    return _TYPES.get(key[key.rfind(".") :], "application/octet-stream")
