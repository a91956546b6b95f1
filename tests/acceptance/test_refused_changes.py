"""What no provider makes of a picture is not offered beside it."""

import contextlib
import re

from tests.emulators.huggingface import Emulator
from tests.support.page_visits import opened
from tests.support.product import running
from tests.support.story import sign_up


async def test_a_picture_that_nothing_here_can_change_has_no_button_for_it(database_url, tmp_path):
    with contextlib.closing(Emulator().start()) as emulator:
        settings = emulator.environment(IMAGE_EDIT_MODEL="none")
        async with running(tmp_path, DATABASE_URL=database_url, **settings) as product:
            ada = await sign_up(product, "Ada")
            session = await ada.buys()
            chat = await ada.joins(session)
            message = await chat.sees_ended(await chat.generates("a boat", width=512, height=512))
            await chat.leaves()
            asset = message["generations"][0]["assets"][0]
            async with opened(ada) as pages:
                page = (await pages.visit(f"/sessions/{session['id']}")).text
                details = (await pages.visit(f"/gallery/pictures/{asset['id']}")).text
            assert 'data-refused="variation edit"' in page
            assert "use=prompt" in details
            assert not re.search("use=(variation|edit)", details)
            assert len(re.findall('<s title="[^"]+">', details)) == 3, "each with its reason"
