"""P10 in an upgrade: the next version's migrations run while people talk and make pictures with the old program."""

import asyncio
import shutil

import pytest

from chatserver.database import migrations
from chatserver.runtime import paths
from tests.support import product as products
from tests.support.story import sign_up

# What a later version might add to the busiest tables, with the locks that this takes.
LATER = """
ALTER TABLE messages ADD COLUMN mood text NOT NULL DEFAULT 'calm';
ALTER TABLE generations ADD COLUMN loudness real;
ALTER TABLE user_sessions ADD COLUMN weather text;
CREATE INDEX messages_mood ON messages (mood) WHERE mood <> 'calm';
"""


@pytest.fixture
def next_version(tmp_path):
    """Our migrations, and one more of a version that is still to come."""
    folder = tmp_path / "migrations"
    shutil.copytree(paths.SQL / "migrations", folder)
    number = len(list(folder.glob("*.sql"))) + 1
    (folder / f"{number:04}_later.sql").write_text(LATER)
    return folder


async def talk(chat, stopped):
    """Says one thing after the other, and has a picture made; returns what was answered."""
    said = [await chat.generates("a red boat", width=64, height=64)]
    while not stopped.is_set():
        said.append(await chat.says(f"line {len(said)}"))
        # Twenty in ten seconds is what a person may say.
        await asyncio.sleep(0.55)
    return said


async def test_p10_a_migration_under_load_fails_no_command(postgres_server, next_version, tmp_path):
    url = await postgres_server.create_database()
    try:
        async with products.running(tmp_path / "product", DATABASE_URL=url, SKETCH_PACE="1") as product:
            people = [await sign_up(product, name) for name in ("Ada", "Bob", "Cyd")]
            chats = [await person.joins(await person.buys()) for person in people]
            stopped = asyncio.Event()
            talkers = [asyncio.create_task(talk(chat, stopped)) for chat in chats]
            await asyncio.gather(*(chat.sees_text("line 2") for chat in chats))
            assert [name.partition("_")[2] for name in await migrations.migrate(url, next_version)] == ["later"]
            so_far = [len(chat.messages) for chat in chats]
            for chat, count in zip(chats, so_far, strict=True):
                await chat.changed(lambda chat=chat, count=count: len(chat.messages) >= count + 4, patience=30)
            stopped.set()
            for chat, said in zip(chats, await asyncio.gather(*talkers), strict=True):
                picture, *words = said
                [generation] = (await chat.sees_ended(picture))["generations"]
                assert generation["status"] == "done"
                assert {message["id"] for message in words} <= chat.messages.keys()
                await chat.leaves()
            assert "Traceback" not in product.output()
    finally:
        await postgres_server.drop_database(url)
