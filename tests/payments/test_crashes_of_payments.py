"""A product that is killed at a step of an order, and started again: what was paid for is granted once, by itself."""

import asyncio
import contextlib

import aiohttp

from chatserver import credits
from chatserver.payments import auditor
from tests.emulators import payments
from tests.support import ports, shop
from tests.support import product as products
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up

# All other steps are those of test_interruptions.py, in processes without a web server.
STEP = "before-commit:chatserver.payments.settlement.settle"


async def test_an_order_survives_the_kill_of_a_product(own_database, own_database_url, tmp_path):
    port = ports.reserve()
    async with payments.running() as emulator:
        settings = {
            **shop.settings_of(emulator.url),
            "DATABASE_URL": own_database_url,
            "CHECKOUT": "stripe",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "TIMING": "payment_poll=1",
        }
        async with products.running(tmp_path, port=port, **settings, CRASH_AT=STEP) as product:
            ada = await sign_up(product, "Ada")
            async with opened(ada) as person:
                form = (await person.visit("/plans")).forms["/orders"]
                await person.post("/orders", {**form, "plan_id": "pro"})
                [row] = await run_sql(own_database, "SELECT id FROM orders")
                with contextlib.suppress(aiohttp.ClientError):
                    await person.visit(f"/orders/{row['id']}/go")
            emulator.pay(emulator.page_of(row["id"]))
            await asyncio.wait_for(product.process.wait(), products.START_SECONDS)
        async with products.running(tmp_path, port=port, **settings), opened(ada) as person:
            await person.visit(f"/orders/{row['id']}/go")
            emulator.pay(emulator.page_of(row["id"]))
            async with asyncio.timeout(products.START_SECONDS):
                while not await run_sql(own_database, "SELECT FROM orders WHERE state = 'fulfilled'"):
                    await asyncio.sleep(0.05)
        assert emulator.money[row["id"]] == [9900]
        [counts] = await run_sql(own_database, "SELECT count(*) AS bought FROM purchases")
        assert counts["bought"] == 1
        assert await own_database.run_system(auditor.check) == []
        assert await own_database.run_system(credits.check) == []
