"""A long session: one batch of pictures is made, the others are copies of its rows, with thumbnails of their own."""

import json
import os
from pathlib import Path
from typing import Any

import asyncpg

from chatserver import ids
from tests.support.story import ApiUser

Row = dict[str, Any]


async def fill(database_url: str, user: ApiUser, session: dict[str, Any], batches: int, count: int = 4) -> list[str]:
    """`batches` messages of `count` pictures each, by this user, numbered in their prompts; their ids in order."""
    room = await user.joins(session)
    made = await room.sees_ended(await room.generates("a harbour 0", count=count, width=64, height=64))
    await room.leaves()
    connection = await asyncpg.connect(database_url)
    try:
        message, *_ = await _read(connection, "messages", "id = $1", made["id"])
        generations = await _read(connection, "generations", "message_id = $1", made["id"])
        assets = await _read(connection, "assets", "generation_id = ANY($1)", [each["id"] for each in generations])
        files = Path(user.product.environment["DATA_DIR"]) / "files"
        copies = [await _copy(connection, files, number, message, generations, assets) for number in range(1, batches)]
        message_ids = [made["id"], *copies]
        await connection.execute(
            "UPDATE user_sessions SET seq = $2, newest_message_id = $3 WHERE id = $1",
            session["id"],
            message["seq"] + batches,
            message_ids[-1],
        )
    finally:
        await connection.close()
    return message_ids


async def _read(connection: Any, table: str, condition: str, value: Any) -> list[Row]:
    rows = await connection.fetch(f"SELECT to_jsonb(t) AS row FROM {table} t WHERE {condition} ORDER BY id", value)
    return [json.loads(row["row"]) for row in rows]


async def _copy(
    connection: Any, files: Path, number: int, message: Row, generations: list[Row], assets: list[Row]
) -> str:
    """The message once more, with the next numbers. The thumbnails are the same pictures in other files: what is deleted
    takes its own along."""
    message_id, prompt = ids.new(), f"a harbour {number}"
    own = {"id": message_id, "client_id": f"copy-{number}", "seq": message["seq"] + number, "text": prompt}
    await _insert(connection, "messages", [{**message, **own}])
    copies = {each["id"]: ids.new() for each in generations}
    fields = {"message_id": message_id, "prompt": prompt}
    changed = [{**each, **fields, "id": copies[each["id"]], "client_id": None} for each in generations]
    await _insert(connection, "generations", changed)
    await _insert(connection, "assets", [_copy_asset(files, each, copies[each["generation_id"]]) for each in assets])
    return message_id


def _copy_asset(files: Path, asset: Row, generation_id: str) -> Row:
    key = ids.new()
    thumbnail_key = f"{key}.thumbnail.webp"
    os.link(files / asset["thumbnail_key"], files / thumbnail_key)
    return {**asset, "id": key, "generation_id": generation_id, "storage_key": key, "thumbnail_key": thumbnail_key}


async def _insert(connection: Any, table: str, rows: list[Row]) -> None:
    await connection.execute(
        f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1)", json.dumps(rows)
    )
