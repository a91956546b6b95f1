"""The product under an address as its operator wrote it, and as a browser says it."""

import pytest
from playwright.async_api import expect

from tests.support import ports
from tests.support import product as products
from tests.support.browser import chromium, fill_sign_in, say, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("written", "typed"),
    [("http://BÜCHER.Example:{port}/", "http://bücher.example:{port}"), ("http://[::ffff:127.0.0.1]:{port}", None)],
)
async def test_who_signs_in_under_an_address_of_any_spelling_stays_live(written, typed, database_url, tmp_path) -> None:
    port = ports.reserve()
    settings = {"DATABASE_URL": database_url, "PUBLIC_URL": written.format(port=port), "HOST": "::"}
    everywhere = "--host-resolver-rules=MAP *.example 127.0.0.1"
    async with products.running(tmp_path, port=port, **settings) as product, chromium(everywhere) as browser:
        ada = await sign_up(product, "Ada")
        session = await ada.buys()
        product.url = (typed or written).format(port=port)
        # Without TLS, and not on this machine, a browser has no use for one of the headers, and says so.
        announced = "Cross-Origin-Opener-Policy header has been ignored"
        async with visiting(product, browser, announced=announced) as visitor:
            await fill_sign_in(await visitor.open("/sign-in"), ada)
            page = await visitor.open_session(session)
            await say(page, "Is this the right address?")
            await expect(page.locator(".message__body", has_text="the right address")).to_be_visible()
            await page.goto(f"{product.url}/settings/")
            assert page.url.endswith(f":{port}/settings")
