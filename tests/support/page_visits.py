"""Browsers that keep cookies, for pages that are opened without Chromium."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp

from tests.support import keep_alive
from tests.support.product import Product
from tests.support.story import ApiUser
from tests.users.server import Browser


@contextlib.asynccontextmanager
async def opened(who: ApiUser | Product) -> AsyncIterator[Browser]:
    """The browser of somebody who has signed in; of a product, that of a visitor."""
    person, product = (who, who.product) if isinstance(who, ApiUser) else (None, who)
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"Accept": "text/html"}
    async with aiohttp.ClientSession(
        product.url, cookie_jar=jar, headers=headers, connector=keep_alive.connector()
    ) as client:
        browser = Browser(client)
        if person is not None:
            login = {"email": person.user["email"], "password": person.password}
            assert (await browser.fills("/sign-in", "/sign-in", **login)).status == 303
        yield browser
