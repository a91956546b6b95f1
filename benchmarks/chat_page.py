"""Shared by the benchmarks of the page: the product with its embedded Postgres, Chromium, and a signed-in user."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from tests.support import product as products
from tests.support.browser import chromium, signed_in
from tests.support.product import Product
from tests.support.story import ApiUser, sign_up

# One person does here in seconds what people do in an hour.
HURRIED = {"COMMANDS_PER_10_SECONDS": "0", "REPLIES_PER_HOUR": "0"}


@contextlib.asynccontextmanager
async def open_house(**settings: str) -> AsyncIterator[tuple[Product, Browser]]:
    """The product as `make run` starts it, and a browser."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        async with products.running(Path(folder), **{**HURRIED, **settings}) as product, chromium() as browser:
            yield product, browser


async def somebody(product: Product, browser: Browser) -> tuple[ApiUser, dict[str, Any], Any]:
    """A person, a session of theirs, and the cookies of their browser."""
    person = await sign_up(product, "Ada")
    session = await person.buys("pro")
    async with signed_in(browser, person, service_workers="allow") as visitor:
        return person, session, await visitor.context.storage_state()


async def set_plan(product: Product, plan_id: str, **changed: object) -> None:
    """Changes a plan as its operator would: `images=120`."""
    options = [word for name, value in changed.items() for word in (f"--{name}", str(value))]
    command = await asyncio.create_subprocess_exec(
        *products.COMMAND, "plans", "set", plan_id, *options, env=product.environment, stdout=asyncio.subprocess.DEVNULL
    )
    assert await command.wait() == 0
