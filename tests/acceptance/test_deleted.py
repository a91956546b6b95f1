"""What is deleted is gone: from pages, API, exports, titles, database and storage, for whoever looks, at any time."""

import json

import aiohttp
import asyncpg
import pytest

from chatserver import config, storage
from chatserver.app.housekeeping import Housekeeping
from chatserver.assets import audit, sweeper
from chatserver.credits import reconciler
from chatserver.privacy import session_deletion
from tests.acceptance.test_strangers import Asker
from tests.support import product as products
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up

CANARY = "canaryfish"
SMALL = {"width": 64, "height": 64}
# Too long to stand in some key or time of another row by chance.
SEED = 3_141_592_653


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The address of the product's storage."""
    return f"file:{tmp_path_factory.mktemp('files')}"


@pytest.fixture(scope="module")
async def product(database_url, files, tmp_path_factory):
    settings = {"DATABASE_URL": database_url, "STORAGE_URL": files}
    async with products.running(tmp_path_factory.mktemp("deleted"), **settings) as process:
        yield process


@pytest.fixture
async def rows(postgres_server, database_url):
    """Every row of every table as text."""
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))

    async def read() -> str:
        names = await admin.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return "\n".join([row[0] for name in names for row in await admin.fetch(f'SELECT t::text FROM "{name[0]}" t')])

    yield read
    await admin.close()


@pytest.fixture
async def file_store(files, database):
    """The storage, swept as the product does within the minute, and compared with the rows."""
    opened = await storage.open_storage(config.load({"STORAGE_URL": files}))

    class FileStore:
        async def swept(self) -> int:
            """How many files are left after a sweep that finds nothing wrong."""
            await sweeper.sweep_rows(database, opened)
            found = await audit.audit_store(database, opened)
            assert found.is_consistent, found
            return found.objects

    yield FileStore()
    await opened.close()


async def made(chat, prompt: str, **fields):
    """A message whose pictures are done."""
    message = await chat.sees_ended(await chat.generates(prompt, **SMALL, **fields))
    assert {each["status"] for each in message["generations"]} == {"done"}, message
    return message


async def status_of(person, address: str) -> int:
    return (await person.fetch(address))[0]


async def exported(person) -> dict:
    asker = await Asker(person.product, person).signs_in()
    page = await asker.browser.visit("/settings/export")
    await asker.client.close()
    return json.loads(page.text)


async def history_page(person, words: str) -> str:
    asker = await Asker(person.product, person).signs_in()
    page = await asker.browser.visit(f"/history?q={words}")
    await asker.client.close()
    return page.text


async def nothing_is_wrong(database):
    """Rows of credits and the books agree."""
    assert await database.run_system(reconciler.check) == []


# Messages -------------------------------------------------------------------------------------------------------------


async def test_a_deleted_picture_message_leaves_nothing_anywhere(product, database, rows, file_store):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    options = {"negative_prompt": f"{CANARY} nets", "style": "watercolor", "seed": SEED}
    message = await made(chat, f"{CANARY} in a pond", **options)
    asset = message["generations"][0]["assets"][0]
    await ada.call("PUT", f"/assets/{asset['id']}/favorite")
    link = await ada.call("POST", f"/assets/{asset['id']}/links", {"seconds": 600})
    before = await file_store.swept()
    addresses = (
        asset["url"],
        asset["thumbnail_url"],
        asset["download_url"],
        link["url"][link["url"].index("/files/") :],
    )
    assert [await status_of(ada, address) for address in addresses] == [200] * 4
    assert CANARY in (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["title"].lower()

    await ada.call("DELETE", f"/messages/{message['id']}")

    gone = await chat.sees(lambda each: each["id"] == message["id"] and each["status"] == "deleted")
    assert (gone["text"], gone["html"], gone["generations"]) == ("", "", [])
    await chat.hears(lambda event: event["type"] == "session" and event["session"]["title"] == "New session")
    assert [await status_of(ada, address) for address in addresses] == [404] * 4
    assert (await ada.call("GET", "/generations"))["generations"] == []
    assert CANARY not in (await history_page(ada, "")).lower()
    found = await exported(ada)
    assert CANARY not in json.dumps(found).lower()
    assert [each["status"] for each in found["messages"] if each["id"] == message["id"]] == ["deleted"]
    assert CANARY not in (await rows()).lower()
    assert str(SEED) not in await rows()
    for path in (
        f"/generations/{message['generations'][0]['id']}/cancel",
        f"/generations/{message['generations'][0]['id']}/retry",
    ):
        with pytest.raises(Refusal) as refusal:
            await ada.call("POST", path, {})
        assert refusal.value.status == 404
    again = await ada.joins(session, after=0)
    await again.sees(lambda each: each["id"] == message["id"])
    assert CANARY not in json.dumps(again.events).lower()
    assert await file_store.swept() < before
    assert (await ada.credits(session))["image"]["left"] == 7  # what was made stays paid
    await nothing_is_wrong(database)
    for each in (chat, again):
        await each.leaves()


async def test_deleting_twice_changes_nothing_and_the_same_client_id_makes_nothing_new(product):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    said = {"client_id": "once", "text": "these are the words"}
    message = (await ada.call("POST", f"/sessions/{session['id']}/messages", said))["message"]
    await ada.call("DELETE", f"/messages/{message['id']}")
    seq = (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["seq"]
    await ada.call("DELETE", f"/messages/{message['id']}")
    again = (await ada.call("POST", f"/sessions/{session['id']}/messages", said))["message"]
    assert (again["id"], again["status"], again["text"]) == (message["id"], "deleted", "")
    later = (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["seq"]
    assert later == seq or (await ada.call("GET", f"/sessions/{session['id']}/messages?after={seq}"))["messages"]


async def test_one_deletes_when_the_time_is_up_and_after_one_has_left(product, database, rows):
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat, guest = await ada.joins(session), await bob.joins(session)
    late = await chat.says(f"{CANARY} one")
    left = await guest.says(f"{CANARY} two")
    picture = await made(guest, f"{CANARY} three")
    await ada.call("DELETE", f"/sessions/{session['id']}/members/{bob.id}")
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session["id"])
    for person, message in ((ada, late), (bob, left), (bob, picture)):
        await person.call("DELETE", f"/messages/{message['id']}")
        await chat.sees(lambda each, message=message: each["id"] == message["id"] and each["status"] == "deleted")
    assert CANARY not in (await rows()).lower()
    for each in (chat, guest):
        await each.leaves()


async def test_a_guest_deletes_what_is_theirs_and_a_stranger_learns_nothing(product):
    ada, bob, eve = [await sign_up(product, name) for name in ("Ada", "Bob", "Eve")]
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    hers = await chat.says("mine is mine")
    his = (await bob.call("POST", f"/sessions/{session['id']}/messages", {"client_id": "b", "text": "his"}))["message"]
    for person, message, status in ((bob, hers, 403), (eve, hers, 404), (eve, his, 404)):
        with pytest.raises(Refusal) as refusal:
            await person.call("DELETE", f"/messages/{message['id']}")
        assert refusal.value.status == status
    await bob.call("DELETE", f"/messages/{his['id']}")
    other = (await bob.call("POST", f"/sessions/{session['id']}/messages", {"client_id": "c", "text": "x"}))["message"]
    await chat.asks("message.delete", message_id=other["id"])  # the owner may
    assert (await chat.sees(lambda each: each["id"] == hers["id"]))["status"] == "done"
    await chat.leaves()


async def test_a_session_is_called_after_what_is_still_there(product):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()

    async def title() -> str:
        return (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["title"]

    async def says(client_id: str, text: str) -> str:
        body = {"client_id": client_id, "text": text}
        return (await ada.call("POST", f"/sessions/{session['id']}/messages", body))["message"]["id"]

    first, hello, second = (
        await says("1", "My secret **plans** for May"),
        await says("2", "hi"),
        await says("3", "Paint me a boat"),
    )
    assert await title() == "My secret plans for May"
    await ada.call("DELETE", f"/messages/{hello}")
    assert await title() == "My secret plans for May"
    await ada.call("DELETE", f"/messages/{first}")
    assert await title() == "Paint me a boat"
    await ada.call("DELETE", f"/messages/{second}")
    assert await title() == "New session"
    fourth = await says("4", "The next real thing that is said")
    assert await title() == "The next real thing that is said"
    await ada.call("PATCH", f"/sessions/{session['id']}", {"title": "My own name for it"})
    await ada.call("DELETE", f"/messages/{fourth}")
    assert await title() == "My own name for it"


# Pictures -------------------------------------------------------------------------------------------------------------


async def test_one_of_several_pictures_goes_and_the_others_stay(product, database, file_store):
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    message = await made(chat, "a boat", count=2)
    first, second = message["generations"]
    version = await chat.asks("generation.retry", generation_id=first["id"])
    later = await chat.asks("generation.retry", generation_id=first["id"])
    del version, later
    message = await chat.sees(
        lambda each: (
            each["id"] == message["id"]
            and len(each["generations"]) >= 3
            and all(made["status"] == "done" for made in each["generations"])
        ),
        patience=60,
    )
    await ada.call("DELETE", f"/generations/{first['id']}")
    left = await chat.sees(lambda each: first["id"] not in [made["id"] for made in each["generations"]])
    assert second["id"] in [made["id"] for made in left["generations"]]
    heirs = [made for made in left["generations"] if made["id"] != second["id"]]
    # The first of its versions takes its place, the others are versions of that one.
    assert [made["parent_id"] for made in heirs] == [None, *[heirs[0]["id"]] * (len(heirs) - 1)]
    assert await status_of(ada, first["assets"][0]["url"]) == 404
    assert await status_of(ada, second["assets"][0]["url"]) == 200
    assert left["text"] == "a boat"
    await chat.asks("generation.delete", generation_id=second["id"])
    with pytest.raises(Refusal) as refusal:
        await ada.call("DELETE", f"/assets/{second['assets'][0]['id']}")
    assert refusal.value.status == 404
    await ada.call("DELETE", f"/assets/{heirs[-1]['assets'][0]['id']}")
    for heir in heirs[:-1]:
        await ada.call("DELETE", f"/generations/{heir['id']}")
    gone = await chat.sees(lambda each: each["id"] == message["id"] and each["status"] == "deleted")
    assert gone["text"] == ""
    await file_store.swept()
    await nothing_is_wrong(database)
    await chat.leaves()


async def test_a_guest_deletes_a_version_of_theirs_and_not_the_message_around_it(product):
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat, guest = await ada.joins(session), await bob.joins(session)
    message = await made(chat, "a boat")
    [hers] = message["generations"]
    his = (await guest.asks("generation.retry", generation_id=hers["id"]))["generation"]
    await guest.sees(
        lambda each: len(each["generations"]) == 2 and each["generations"][1]["status"] == "done", patience=60
    )
    with pytest.raises(Refusal) as refusal:
        await guest.asks("generation.delete", generation_id=hers["id"])
    assert refusal.value.code == "not-allowed"
    await ada.call("DELETE", f"/generations/{hers['id']}")
    await guest.asks("generation.delete", generation_id=his["id"])
    left = await chat.sees(lambda each: each["id"] == message["id"] and each["generations"] == [])
    assert (left["status"], left["text"]) == ("done", "a boat")
    for each in (chat, guest):
        await each.leaves()


async def test_a_variation_of_what_is_deleted_says_so_instead_of_being_made(product):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    source = await made(chat, "a boat")
    asset = source["generations"][0]["assets"][0]
    varied = await made(chat, "the same in blue", source_asset_id=asset["id"])
    await ada.call("DELETE", f"/messages/{source['id']}")
    with pytest.raises(Refusal) as refusal:
        await ada.call("POST", f"/generations/{varied['generations'][0]['id']}/retry", {})
    assert (refusal.value.status, refusal.value.code) == (409, "conflict")
    assert (await ada.credits(session))["image"]["left"] == 6
    await chat.leaves()


# Sessions -------------------------------------------------------------------------------------------------------------


async def test_a_deleted_session_is_gone_for_everyone_in_it(product, database, rows, file_store):
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro", f"{CANARY} party")
    code = await ada.invites(session, guests_may_generate=True)
    await bob.accepts(code)
    chat, guest = await ada.joins(session), await bob.joins(session, subprotocol="chat.v1.html")
    also = await bob.joins(session)
    await chat.says(f"{CANARY} said")
    hers = await made(chat, f"{CANARY} hers")
    his = await made(also, f"{CANARY} his")
    with pytest.raises(Refusal) as refusal:
        await bob.call("DELETE", f"/sessions/{session['id']}")
    assert refusal.value.status == 403

    await ada.call("DELETE", f"/sessions/{session['id']}")

    for each in (chat, guest, also):
        assert await each.is_closed() == 4504
        assert each.events[-1] == {"type": "session.deleted", "session_id": session["id"]}
    for person in (ada, bob):
        assert (await person.call("GET", "/sessions"))["sessions"] == []
        assert (await person.call("GET", "/generations"))["generations"] == []
        assert CANARY not in (await history_page(person, "")).lower()
        for path in ("", "/messages", "/credits"):
            with pytest.raises(Refusal) as refusal:
                await person.call("GET", f"/sessions/{session['id']}{path}")
            assert refusal.value.status == 404, path
        for message in (hers, his):
            assert await status_of(person, message["generations"][0]["assets"][0]["url"]) == 404
        asker = await Asker(product, person).signs_in()
        assert (await asker.asks("GET /", f"/sessions/{session['id']}", None))[0] == 404
        assert await asker.socket_code(session["id"]) == 4504
        await asker.client.close()
    with pytest.raises(Refusal) as refusal:
        await bob.accepts(code)
    assert refusal.value.status == 404
    for method, path, body in (
        ("DELETE", "", None),
        ("POST", "/extend", {"plan_id": "pro"}),
        ("PATCH", "", {"title": "x"}),
    ):
        with pytest.raises(Refusal) as refusal:
            await ada.call(method, f"/sessions/{session['id']}{path}", body)
        assert refusal.value.status == 404, method
    found = await exported(ada)
    [listed] = [each for each in found["sessions"] if each["id"] == session["id"]]
    assert (listed["status"], listed["title"]) == ("deleted", "Deleted session")
    assert [each["session_id"] for each in found["purchases"]] == [session["id"]]
    assert CANARY not in json.dumps([found, await exported(bob)]).lower()
    assert CANARY not in (await rows()).lower()
    await file_store.swept()
    left = await run_sql(
        database,
        "SELECT (SELECT count(*) FROM messages WHERE session_id = $1) + (SELECT count(*) FROM generations"
        " WHERE session_id = $1) + (SELECT count(*) FROM assets WHERE session_id = $1) AS n",
        session["id"],
    )
    assert left[0]["n"] == 0
    await nothing_is_wrong(database)
    for each in (chat, guest, also):
        await each.leaves()


async def test_an_ended_session_is_deleted_like_any_other(product, database):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    await run_sql(
        database, "UPDATE user_sessions SET expires_at = now(), status = 'expired' WHERE id = $1", session["id"]
    )
    await ada.call("DELETE", f"/sessions/{session['id']}")
    assert (await ada.call("GET", "/sessions"))["sessions"] == []


async def test_a_session_that_a_process_left_half_emptied_is_emptied_by_the_next_round(product, database):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.says("words")
    await chat.leaves()
    count = "SELECT count(*) FROM messages WHERE session_id = $1"

    async def delete(tx):
        """How many messages are left: counted before the product's own round can come."""
        await session_deletion.delete_session(tx, ada.id, session["id"])
        return await tx.connection.fetchval(count, session["id"])

    assert await database.run_system(delete) > 0
    await Housekeeping(database).clean_up(sweep=False)
    assert await database.run_system(lambda tx: tx.connection.fetchval(count, session["id"])) == 0


async def test_a_stranger_deletes_nothing_and_learns_nothing(product):
    ada, eve = await sign_up(product, "Ada"), await sign_up(product, "Eve")
    session = await ada.buys()
    for person, headers in ((eve, {"Authorization": f"Bearer {eve.token}"}), (None, {})):
        async with (
            aiohttp.ClientSession(product.url, headers=headers) as client,
            client.delete(f"/api/v1/sessions/{session['id']}") as answer,
        ):
            assert answer.status == (404 if person else 401)
    assert len((await ada.call("GET", "/sessions"))["sessions"]) == 1
