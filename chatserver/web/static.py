"""Static files: read, bundled and hashed once at the start, then served from memory.

Each is compressed when a browser first asks for it, in a thread: no start waits for files that nobody reads. Brotli at its
highest level makes them a seventh smaller than gzip; browsers accept it over TLS and from localhost only.

`url("css/app.css")` is `/static/<hash of its content>/css/app.css`, which browsers cache permanently; the same file
under another hash (an older page, a module's relative import) is served with `no-cache`.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import brotli
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import NotFound
from chatserver.web.compression import accepted_encodings

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
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"

# The text that is served in place of a file, such as a bundle of its imports.
Transform = Callable[[Path], str]


@dataclass
class StaticFile:
    """One file as served. `hash` is of its content; `compressible` says whether compressing gains anything."""

    content: bytes
    content_type: str
    hash: str
    compressible: bool
    _compressed: dict[str, bytes] = field(default_factory=dict, repr=False)
    _compressing: dict[str, "asyncio.Task[bytes]"] = field(default_factory=dict, repr=False)

    @classmethod
    def from_content(cls, content: bytes, suffix: str) -> "StaticFile":
        """A file with this content and suffix (`.css`)."""
        return cls(content, TYPES[suffix], hashlib.sha256(content).hexdigest()[:12], suffix in _COMPRESSED)

    def compress(self, encoding: str) -> bytes:
        """The content in an encoding, which is kept."""
        self._compressed[encoding] = _COMPRESSORS[encoding](self.content)
        return self._compressed[encoding]

    async def encoded(self, accepted: str) -> tuple[bytes, str | None]:
        """The body and its Content-Encoding for a browser that sent `accepted` as Accept-Encoding."""
        encodings = accepted_encodings(accepted) if self.compressible else frozenset()
        encoding = next((name for name in _COMPRESSORS if name in encodings), None)
        if encoding is None:
            return self.content, None
        if encoding in self._compressed:
            return self._compressed[encoding], encoding
        if encoding not in self._compressing:
            self._compressing[encoding] = asyncio.create_task(asyncio.to_thread(self.compress, encoding))
            # What failed, as where no thread could be started, is tried again for the next browser.
            self._compressing[encoding].add_done_callback(lambda _: self._compressing.pop(encoding))
        # Shielded: a browser that goes away ends its own request, not the work that others wait for.
        return await asyncio.shield(self._compressing[encoding]), encoding


def _brotlied(content: bytes) -> bytes:
    compressed: bytes = brotli.compress(content, brotli.MODE_TEXT)
    return compressed


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


# By their names in Accept-Encoding, the better one first.
_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {"br": _brotlied, "gzip": _gzipped}


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
    if any(f'"{file.hash}"' in each for each in request.headers.getlist("if-none-match")):
        return Response(status_code=304, headers=headers)
    body, encoding = await file.encoded(request.headers.get("accept-encoding", ""))
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    return Response(body, headers=headers, media_type=file.content_type)
