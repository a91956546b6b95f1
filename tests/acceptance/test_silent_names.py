"""A name server that is silent about one name: nobody is kept from finding another name, or from stopping, and no command of
the operator's waits for it."""

import asyncio
import os
import time

import pytest

from tests.support import lines, proxy
from tests.support import product as products
from tests.support.preloading import compiled
from tests.support.story import sign_up

# Look-ups of the silent name take half a minute each. By then so many are under way that nothing else is found.
LOST_SECONDS = 12
STOP_SECONDS = 20
# Far more than a command takes, and far less than its look-ups would.
COMMAND_SECONDS, LOOKUP_SECONDS = 240, 3600
DATABASE = {"DATABASE_URL": "postgresql://ada:secret@database.silent/chatserver"}
SERVICES = {
    **DATABASE,
    "REDIS_URL": "redis://redis.silent:6379/0",
    "STORAGE_URL": "s3://bucket/pictures?endpoint=http://storage.silent:9000",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "SMTP_URL": "smtp://mail.silent",
    "MAIL_FROM": "chatserver@example.org",
    "CHAT_BASE_URL": "http://chat.silent/v1",
    "CHAT_MODEL": "m",
}


async def test_p11_a_name_of_redis_that_nobody_answers_holds_up_nothing_else(database_url, tmp_path):
    async with proxy.running_proxy(lines.target_of(database_url)) as line:
        by_name = lines.through(database_url, line.port).replace("127.0.0.1", "localhost")
        product = await products.start(
            tmp_path,
            "serve",
            program=products.COMMAND,
            DATABASE_URL=by_name,
            REDIS_URL="redis://redis.silent:6379/0",
            LD_PRELOAD=compiled("silent_names.c", tmp_path),
        )
        try:
            ada = await sign_up(product, "Ada")
            session = await ada.buys("flash")
            chat = await ada.joins(session)
            await asyncio.sleep(LOST_SECONDS)  # the fault itself
            line.end_lines()  # each connection to the database is made anew, by its name
            await chat.says("found by its name")
            ended = await chat.sees_ended(await chat.generates("a lamp", width=64, height=64))
            assert [each["status"] for each in ended["generations"]] == ["done"]
            await chat.leaves()
            began = time.monotonic()
            assert await product.stop() == 0
            assert time.monotonic() - began < STOP_SECONDS
        finally:
            await product.kill()


@pytest.mark.parametrize(
    ("command", "settings", "said"),
    [
        (
            ("plans", "list"),
            DATABASE,
            ["The database cannot be reached: database.silent:5432 does not answer within 10 s."],
        ),
        (("storage", "create"), SERVICES, ["The file store did not answer in time."]),
        (
            ("doctor",),
            SERVICES,
            [
                "http://chat.silent/v1 does not answer",
                "mail.silent:25 does not",
                "The bucket did not",
                "Redis does not",
            ],
        ),
    ],
    ids=["plans", "storage", "doctor"],
)
async def test_a_command_ends_in_time_and_says_what_did_not_answer(tmp_path, command, settings, said):
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "ENV_FILE": "",
        "LD_PRELOAD": compiled("silent_names.c", tmp_path),
        "SILENT_SECONDS": str(LOOKUP_SECONDS),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        *products.COMMAND, *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in {1, 2}
    assert [words for words in said if words not in output.decode()] == []
