"""A name server that is silent about one name: nobody is kept from finding another name, or from stopping."""

import asyncio
import time

from tests.support import lines, proxy
from tests.support import product as products
from tests.support.preloading import compiled
from tests.support.story import sign_up

# Look-ups of the silent name take half a minute each. By then so many are under way that nothing else is found.
LOST_SECONDS = 12
STOP_SECONDS = 20


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
