"""Pictures for tests of the gallery, put into the database with the moment at which they were made."""

import uuid
from datetime import UTC, datetime

from chatserver import ids
from chatserver.database import Database, time_bounds
from tests.support.people import run_sql

MADE = datetime(2026, 10, 15, 12, tzinfo=UTC)


def id_at(moment: datetime) -> str:
    """An id of that moment."""
    first = uuid.UUID(time_bounds.first_id(moment)).int
    return str(uuid.UUID(int=first | (uuid.uuid4().int & (1 << 62) - 1)))


class Pictures:
    """What is made in one session."""

    def __init__(self, database: Database, session_id: str) -> None:
        self.database, self.session_id, self.number = database, session_id, 0

    async def make(self, owner: str, prompt: str = "a boat", moment: datetime = MADE, **settings) -> str:
        """A finished picture; its file's id."""
        self.number += 1
        message_id, asset_id = ids.new(), id_at(moment)
        made = {
            "kind": "image",
            "style": None,
            "model": "Sketch",
            "seed": self.number,
            "width": 64,
            "height": 64,
        } | settings
        await run_sql(
            self.database,
            """INSERT INTO messages (id, user_id, session_id, author_kind, author_name, kind, text, client_id, seq)
               VALUES ($1, $2, $3, 'user', 'x', $4, $5, $1::uuid::text, $6)""",
            message_id, owner, self.session_id, made["kind"], prompt, self.number,
        )  # fmt: skip
        await run_sql(
            self.database,
            """INSERT INTO generations (id, user_id, session_id, message_id, kind, number, prompt, style, seed, width,
                                        height, model, provider, status, finished_at)
               VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, 'sketch', 'done', now())""",
            asset_id, owner, self.session_id, message_id, made["kind"], prompt, made["style"], made["seed"],
            made["width"], made["height"], made["model"],
        )  # fmt: skip
        await self._store(asset_id, owner, asset_id, made, "boat.png")
        return asset_id

    async def upload(self, owner: str, filename: str, moment: datetime = MADE) -> str:
        """A stored file that no generation made."""
        asset_id = id_at(moment)
        await self._store(asset_id, owner, None, {"kind": "image", "width": 64, "height": 32}, filename)
        return asset_id

    async def _store(self, asset_id, owner, generation_id, made, filename) -> None:
        await run_sql(
            self.database,
            """INSERT INTO assets (id, user_id, session_id, generation_id, kind, status, content_type, width, height, bytes,
                                   sha256, filename, storage_key, thumbnail_key, placeholder)
               VALUES ($1, $2, $3, $4, $5, 'stored', 'image/png', $6, $7, 1, '', $8, $1::uuid::text, 't', '')""",
            asset_id, owner, self.session_id, generation_id, made["kind"], made["width"], made["height"], filename,
        )  # fmt: skip
