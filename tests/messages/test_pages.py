"""The chat page as the server draws it at first."""

import re

from tests.support import page_visits
from tests.support import product as products
from tests.support.story import sign_up


async def test_the_queue_on_the_page_is_that_of_everybody_as_the_socket_says_it(tmp_path, own_database_url) -> None:
    async with products.running(tmp_path, "serve", "--role", "web", DATABASE_URL=own_database_url) as product:
        ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
        mine, his = await ada.buys("pro"), await bob.buys("pro")
        await (await bob.joins(his)).generates("a boat", count=2)
        stats = await (await ada.joins(mine)).hears(lambda event: event["type"] == "stats")
        assert stats["queue_length"] == 2
        async with page_visits.opened(ada) as browser:
            page = (await browser.visit(f"/sessions/{mine['id']}")).text
        shown = re.search(r'data-slot="queue">\s*([^<]*?)\s*<', page)
        assert shown
        assert shown[1] == "2"
