"""Static files: read, bundled, hashed and compressed once at the start, then served from memory.

`url("css/app.css")` is `/static/<hash of its content>/css/app.css`, which browsers cache permanently; the same file
under another hash (an older page, a module's relative import) is served with `no-cache`.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"

# The text that is served in place of a file, such as a bundle of its imports.
Transform = Callable[[Path], str]


@dataclass(frozen=True)
class StaticFile:
    """One file as served. `hash` is of its content; `compressed` is None where gzip gains nothing."""

    content: bytes
    compressed: bytes | None
    content_type: str
    hash: str

    @classmethod
    def from_content(cls, content: bytes, suffix: str) -> "StaticFile":
        """A file with this content and suffix (`.css`)."""
        compressed = gzip.compress(content, mtime=0) if suffix in _COMPRESSED else None
        return cls(content, compressed, TYPES[suffix], hashlib.sha256(content).hexdigest()[:12])


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
        return serve(request, file, fresh=request.path_params["hash"] == file.hash)


def serve(request: Request, file: StaticFile, *, fresh: bool) -> Response:
    """A file from memory: gzipped where the browser accepts it, 304 where it has it; immutable where `fresh`."""
    headers = {
        "Cache-Control": _IMMUTABLE if fresh else _REVALIDATE,
        "ETag": f'"{file.hash}"',
        "Vary": "Accept-Encoding",
    }
    if f'"{file.hash}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.content_type)
    return Response(file.content, headers=headers, media_type=file.content_type)
