"""Files of a session for tests: three users, generations with their files, and a server that serves them."""

import base64
import contextlib
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from chatserver import ids
from chatserver.assets import pages, routes
from chatserver.assets import service as assets
from chatserver.assets.models import Asset, StagedFile
from chatserver.config import Config
from chatserver.database import Database
from chatserver.generations import routes as generation_routes
from chatserver.identity.viewer import Viewer
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Clip, Picture
from chatserver.provenance.sealer import open_sealer
from chatserver.state import State
from chatserver.storage.base import Storage
from chatserver.uploads import routes as upload_routes
from chatserver.verification import routes as verification_routes
from chatserver.web import errors, middleware, templating
from tests.support import keep_alive, web_server
from tests.support.people import make_session, make_user, run_sql

SECRET_KEY = "a test's key"


def picture(seed: int = 1, side: int = 96, size: tuple[int, int] | None = None) -> Picture:
    """A small real PNG with all that is kept of it."""
    data, thumbnail = io.BytesIO(), io.BytesIO()
    width, height = size or (side, side)
    image = Image.effect_noise((width, height), 10 + seed % 90).convert("RGB")
    image.save(data, "PNG")
    image.resize((24, 24)).save(thumbnail, "WEBP")
    return Picture(
        data=data.getvalue(),
        content_type="image/png",
        width=width,
        height=height,
        sha256=hashlib.sha256(data.getvalue()).hexdigest(),
        thumbnail=thumbnail.getvalue(),
        placeholder=base64.b64encode(thumbnail.getvalue()).decode(),
    )


def clip(data: bytes = b"\x1aE\xdf\xa3" + b"x" * 700_000) -> Clip:
    """Bytes that pass for a clip: nothing here looks into them."""
    return Clip(
        data=data,
        content_type="video/webm",
        width=64,
        height=64,
        sha256=hashlib.sha256(data).hexdigest(),
        thumbnail=b"poster",
        placeholder="",
        duration_seconds=2.0,
    )


class SessionFiles:
    """Ada owns the session, Grace is her guest, Mallory a stranger."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database, self.storage = database, storage

    @classmethod
    async def fill(cls, database: Database, storage: Storage) -> "SessionFiles":
        session_files = cls(database, storage)
        session_files.ada, session_files.grace, session_files.mallory = [
            await make_user(database, name) for name in ("Ada", "Grace", "Mallory")
        ]
        session_files.session_id = await make_session(database, session_files.ada, guests=(session_files.grace,))
        return session_files

    async def create_generation(self, prompt: str = "a sunset over mountains", kind: str = "image") -> str:
        """A generation in its message, without a credit; its id."""
        message_id, generation_id = ids.new(), ids.new()
        [row] = await run_sql(
            self.database, "UPDATE user_sessions SET seq = seq + 1 WHERE id = $1 RETURNING seq", self.session_id
        )
        await run_sql(
            self.database,
            """
            INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, client_id, seq)
            VALUES ($1, $2, $3, 'user', 'Ada', $4, $5, $7, $6)
            """,
            message_id, self.session_id, self.ada, kind, prompt, row["seq"], message_id,
        )  # fmt: skip
        await run_sql(
            self.database,
            """
            INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height,
                                     status, finished_at)
            VALUES ($1, $2, $3, $4, $5, 1, $6, 7, 96, 96, 'done', now())
            """,
            generation_id, message_id, self.session_id, self.ada, kind, prompt,
        )  # fmt: skip
        return generation_id

    async def stage(self, generation_id: str, file: Picture | Clip, attempt: int = 1) -> StagedFile:
        return await self.database.run_system(assets.stage, generation_id, attempt, file)

    async def put_bytes(self, staged: StagedFile, file: Picture | Clip) -> None:
        await self.storage.put(staged.storage_key, file.data, file.content_type)
        await self.storage.put(staged.thumbnail_key, file.thumbnail, "image/webp")

    async def create_file(self, file: Picture | Clip, prompt: str = "a sunset over mountains") -> Asset:
        """A finished file, as Ada sees it."""
        generation_id = await self.create_generation(prompt, "image" if isinstance(file, Picture) else "video")
        staged = await self.stage(generation_id, file)
        await self.put_bytes(staged, file)
        await self.database.run_system(assets.store, staged.id)
        return await self.database.run_as(self.ada, assets.find, staged.id)

    async def make_older(self, asset_id: str, hours: float) -> None:
        await run_sql(
            self.database,
            "UPDATE assets SET created_at = now() - make_interval(secs => $2) WHERE id = $1",
            asset_id, hours * 3600,
        )  # fmt: skip

    async def mark_deleted(self, asset_id: str) -> None:
        await run_sql(self.database, "UPDATE assets SET status = 'deleted' WHERE id = $1", asset_id)


async def identify(connection: HTTPConnection) -> Viewer | None:
    """Whoever says an id is taken for that person: sign-in has tests of its own."""
    via = "token" if "authorization" in connection.headers else "cookie"
    user_id = connection.headers.get("authorization", "").removeprefix("Bearer ") or connection.cookies.get("who")
    return Viewer(id=user_id, name="x", role="member", via=via, credential_id=user_id) if user_id else None


@contextlib.asynccontextmanager
async def serving(database: Database, storage: Storage, **settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a real server with the real layers, over this database and storage."""
    config = Config(data_dir=Path("unused"), port=0, **settings)
    processor, sealer = ImageProcessor(size=1), open_sealer(config, SECRET_KEY)
    state = State(
        config=config, secret_key=SECRET_KEY, database=database, storage=storage, pictures=processor, sealer=sealer,
        broker=None, hub=None, providers={}, chat=None, markdown=None,
    )  # fmt: skip
    app = Starlette(
        routes=[
            *routes.ROUTES,
            *pages.ROUTES,
            *upload_routes.ROUTES,
            *generation_routes.ROUTES,
            *verification_routes.ROUTES,
        ],
        middleware=middleware.http_stack(config, identify),
        exception_handlers=errors.EXCEPTION_HANDLERS,
    )
    app.state.chatserver, app.state.site = state, templating.open_site(config, SECRET_KEY)
    try:
        async with (
            web_server.serving(app) as url,
            aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar(), connector=keep_alive.connector()) as client,
        ):
            yield client
    finally:
        await processor.close()
        await sealer.close()
