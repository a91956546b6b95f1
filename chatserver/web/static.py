"""Static files: read, bundled, hashed and gzipped once at the start, then served from memory.

Brotli at its highest level makes them a seventh smaller than gzip and takes a second for all of them, so that each is
compressed so when a browser first asks for it, in a thread. Browsers accept Brotli over TLS and from localhost only.

`url("css/app.css")` is `/static/<hash of its content>/css/app.css`, which browsers cache permanently; the same file
under another hash (an older page, a module's relative import) is served with `no-cache`.
"""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import brotli
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import NotFound

PREFIX = "/static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_COMPRESSED = {".css", ".js", ".svg"}
# A name in Accept-Encoding, without those of weight 0: "gzip, br;q=0" accepts gzip only.
_ENCODING = re.compile(r"(?:^|,)\s*([a-z]+)(?=\s*(?:[;,]|$))(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"

# The text that is served in place of a file, such as a bundle of its imports.
Transform = Callable[[Path], str]


@dataclass
class StaticFile:
    """One file as served. `hash` is of its content; `gzipped` is None where compressing gains nothing."""

    content: bytes
    gzipped: bytes | None
    content_type: str
    hash: str
    brotlied: bytes | None = field(default=None, repr=False)
    _compressing: "asyncio.Task[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def from_content(cls, content: bytes, suffix: str) -> "StaticFile":
        """A file with this content and suffix (`.css`)."""
        gzipped = gzip.compress(content, mtime=0) if suffix in _COMPRESSED else None
        return cls(content, gzipped, TYPES[suffix], hashlib.sha256(content).hexdigest()[:12])

    def compress(self) -> bytes:
        """The content in Brotli, which is kept."""
        self.brotlied = brotli.compress(self.content, brotli.MODE_TEXT)
        return self.brotlied

    async def encoded(self, accepted: str) -> tuple[bytes, str | None]:
        """The body and its Content-Encoding for a browser that sent `accepted` as Accept-Encoding."""
        encodings = set(_ENCODING.findall(accepted.lower()))
        if self.gzipped is not None and "br" in encodings:
            if self.brotlied is not None:
                return self.brotlied, "br"
            if self._compressing is None:
                self._compressing = asyncio.create_task(asyncio.to_thread(self.compress))
            # Shielded: a browser that goes away ends its own request, not the work that others wait for.
            return await asyncio.shield(self._compressing), "br"
        if self.gzipped is not None and "gzip" in encodings:
            return self.gzipped, "gzip"
        return self.content, None


class Statics:
    """Every file below a folder. `transforms` has, by path, the files that are served in another form."""

    def __init__(self, folder: Path, transforms: Mapping[str, Transform] | None = None) -> None:
        transforms = transforms or {}
        self._files: dict[str, StaticFile] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix in TYPES and path.is_file():
                name = path.relative_to(folder).as_posix()
                content = transforms[name](path).encode() if name in transforms else path.read_bytes()
                self._files[name] = StaticFile.from_content(content, path.suffix)

    def file(self, name: str) -> StaticFile:
        """One file by its path below the folder. Raises NotFound."""
        try:
            return self._files[name]
        except KeyError:
            raise NotFound from None

    def url(self, name: str) -> str:
        """The URL of a file. Raises KeyError for an unknown name, which is a mistake in a template."""
        return f"{PREFIX}/{self._files[name].hash}/{name}"

    def route(self) -> Route:
        """The route that serves the files."""
        return Route(PREFIX + "/{hash}/{name:path}", self._serve, name="static")

    async def _serve(self, request: Request) -> Response:
        file = self.file(request.path_params["name"])
        return await serve(request, file, fresh=request.path_params["hash"] == file.hash)


async def serve(request: Request, file: StaticFile, *, fresh: bool) -> Response:
    """A file from memory: compressed where the browser accepts it, 304 where it has it; immutable where `fresh`."""
    headers = {
        "Cache-Control": _IMMUTABLE if fresh else _REVALIDATE,
        "ETag": f'"{file.hash}"',
        "Vary": "Accept-Encoding",
    }
    if f'"{file.hash}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body, encoding = await file.encoded(request.headers.get("accept-encoding", ""))
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    return Response(body, headers=headers, media_type=file.content_type)
