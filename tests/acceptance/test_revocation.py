"""P17 at a bad moment: an account is closed, or the time is up, while a picture renders."""

import pytest

from tests.support import access_checks
from tests.support import product as products
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up

# The promise, and what a machine that does nine other things may add to it.
SECONDS = 5 + 2
SLOW = {"SKETCH_PACE": "4"}


@pytest.fixture(scope="module")
async def slow_product(database_url, tmp_path_factory):
    """A product whose pictures take some seconds."""
    async with products.running(tmp_path_factory.mktemp("slow"), DATABASE_URL=database_url, **SLOW) as process:
        yield process


async def render(chat):
    message = await chat.generates("a lighthouse in a storm", width=64, height=64)
    await chat.hears(lambda event: event["type"] == "progress" and event["status"] == "rendering")
    return message


async def test_p17_a_guest_who_is_banned_in_mid_render_is_gone_and_the_picture_comes(slow_product, database):
    ada, bob = [await sign_up(slow_product, name) for name in ("Ada", "Bob")]
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    await ada.call("PATCH", f"/sessions/{session['id']}", {"guests_may_generate": True})
    chat, guest = await ada.joins(session), await bob.joins(session)
    await access_checks.has_passed(slow_product, database)
    message = await render(guest)
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", bob.id)
    with pytest.raises(Refusal) as refusal:
        await guest.says("one more thing")
    assert refusal.value.code in {"not-found", "not-signed-in"}
    assert await guest.is_closed(patience=SECONDS) == 4512
    [generation] = (await chat.sees_ended(message))["generations"]
    assert generation["status"] == "done"
    assert (await ada.credits(session))["image"] == {**(await ada.credits(session))["image"], "left": 7, "held": 0}
    for each in (chat, guest):
        await each.leaves()


async def test_p17_a_picture_accepted_in_time_is_finished_after_it(slow_product, database):
    ada = await sign_up(slow_product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    message = await render(chat)
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session["id"])
    await chat.hears(
        lambda event: event["type"] == "session" and event["session"]["status"] == "expired", patience=SECONDS
    )
    with pytest.raises(Refusal) as refusal:
        await chat.generates("too late", width=64, height=64)
    assert refusal.value.code == "session-expired"
    [generation] = (await chat.sees_ended(message))["generations"]
    assert generation["status"] == "done"
    await chat.leaves()
