"""The pages around sessions on a real database, as a browser without scripts uses them."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from markupsafe import Markup
from starlette.requests import HTTPConnection

from chatserver import ids, sessions
from chatserver.database import Database
from chatserver.generations import pages as generation_pages
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.identity.viewer import Viewer
from chatserver.sessions import pages as session_pages
from chatserver.sessions import service as sessions_service
from chatserver.state import State
from tests.support.people import make_session, make_user, run_sql
from tests.support.site import BROWSER, Client, build, configured, running

OURS = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
SKETCH = {kind: ModelChoice("sketch", "Sketch (built in)") for kind in ("image", "video")}


async def identify(connection: HTTPConnection) -> Viewer | None:
    user_id = connection.cookies.get("who")
    if user_id is None:
        return None
    return Viewer(id=user_id, name="Ada", role="member", via="cookie", credential_id=user_id)


def site(database: Database, **settings: Any) -> Any:
    config = configured(**settings)
    app = build(config, [*session_pages.PAGES, *generation_pages.PAGES], identify)
    others: Any = dict.fromkeys(State.__dataclass_fields__)
    app.state.chatserver = State(**{**others, "config": config, "database": database})
    return running(app)


@pytest.fixture(scope="module")
async def client(database: Database) -> AsyncIterator[Client]:
    async with site(database) as opened:
        yield opened


async def visit(client: Client, path: str, user_id: str | None = None) -> tuple[int, str]:
    headers = {**BROWSER, "Cookie": f"who={user_id}"} if user_id else BROWSER
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def fill(client: Client, page: str, action: str, user_id: str, **fields: str) -> tuple[int, str]:
    """Opens a page, and sends a form of it as it stands but for these fields; the status and where it leads."""
    _, text = await visit(client, page, user_id)
    token = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert token
    headers = {**OURS, "Cookie": f"who={user_id}"}
    data = {"csrf_token": token[1], **fields}
    async with client.post(action, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_the_start_page_is_the_landing_or_ones_sessions(client: Client, database: Database) -> None:
    status, text = await visit(client, "/")
    assert status == 200
    assert all(words in text for words in ("Flash Lite", "₹29", "₹49", "₹99"))
    ada = await make_user(database)
    assert "No session yet" in (await visit(client, "/", ada))[1]
    await make_session(database, ada, title="Evening pictures")
    assert "Evening pictures" in (await visit(client, "/", ada))[1]


async def test_ones_pages_ask_to_sign_in_first(client: Client) -> None:
    for path in ("/sessions", "/history", f"/generations/{ids.new()}"):
        assert await visit(client, path) == (303, f"/sign-in?next={path}")


async def test_buying_leads_into_the_session(client: Client, database: Database) -> None:
    ada = await make_user(database)
    status, path = await fill(client, "/plans", "/sessions", ada, plan_id="flash")
    assert status == 303
    session = await database.run_as(ada, sessions.find, path.removeprefix("/sessions/"))
    assert (session.plan_id, session.status, session.credits.image.limit) == ("flash", "active", 8)


async def test_a_form_that_is_sent_again_buys_once(client: Client, database: Database) -> None:
    """As the browser does it for who reloads the page that did not come."""
    ada = await make_user(database, "Ada")
    _, text = await visit(client, "/plans", ada)
    [key, other, *_] = re.findall(r'name="client_id" value="([^"]+)"', text)
    assert key != other, "each form has its own"
    first, again, more = [
        await fill(client, "/plans", "/sessions", ada, plan_id="flash", client_id=each) for each in (key, key, other)
    ]
    assert first == again != more
    session_id = first[1].rsplit("/", 1)[1]
    page, form = f"/plans?session={session_id}", {"plan_id": "flash", "session_id": session_id, "client_id": "once"}
    for _ in range(2):
        await fill(client, page, "/sessions", ada, **form)
    assert len(await run_sql(database, "SELECT FROM purchases WHERE session_id = $1", session_id)) == 2


async def test_a_plan_that_does_not_exist_sells_nothing(client: Client, database: Database) -> None:
    ada = await make_user(database)
    status, text = await fill(client, "/plans", "/sessions", ada, plan_id="golden")
    assert status == 422
    assert "names no plan" in text
    assert await database.run_as(ada, sessions.list_sessions) == []


async def test_more_time_goes_to_the_session_named(client: Client, database: Database) -> None:
    ada = await make_user(database)
    session_id = await make_session(database, ada, minutes=-5, title="Ended early")
    page = f"/plans?session={session_id}"
    assert "More time for “Ended early”" in (await visit(client, page, ada))[1]
    status, path = await fill(client, page, "/sessions", ada, plan_id="flash", session_id=session_id)
    assert (status, path) == (303, f"/sessions/{session_id}")
    assert (await database.run_as(ada, sessions.find, session_id)).status == "active"


async def test_nobody_sees_or_extends_a_strangers_session(client: Client, database: Database) -> None:
    ada, eve = await make_user(database), await make_user(database, "Eve")
    session_id = await make_session(database, ada, title="Private matters")
    status, text = await visit(client, f"/plans?session={session_id}", eve)
    assert status == 404
    assert "Private matters" not in text
    status, _ = await fill(client, "/plans", "/sessions", eve, plan_id="flash", session_id=session_id)
    assert status == 404
    assert (await visit(client, "/plans?session=nonsense", eve))[0] == 404


async def test_the_plans_page_says_how_many_sessions_one_may_have_and_why_there_is_none(
    database: Database, limited: Any
) -> None:
    few = await limited(open_sessions_per_user=2)
    async with site(few) as strict:
        ada = await make_user(database)
        for _ in range(2):
            await fill(strict, "/plans", "/sessions", ada, plan_id="flash")
        assert "You have 2 of 2 open sessions." in (await visit(strict, "/plans", ada))[1]
        status, text = await fill(strict, "/plans", "/sessions", ada, plan_id="flash")
        assert status == 429
        assert "You have 2 open sessions, and 2 is the most for one person." in Markup(text).striptags()
        assert "The next one of yours ends in 2 h" in Markup(text).striptags()
        assert "Start Flash" in text, "the page stays, to choose from later"


async def test_the_plans_page_says_how_many_free_sessions_are_left(database: Database, limited: Any) -> None:
    few = await limited(free_sessions_per_day=2)
    async with site(few) as strict:
        ada = await make_user(database)
        await fill(strict, "/plans", "/sessions", ada, plan_id="flash")
        assert "1 of 2 free sessions and extensions left today." in (await visit(strict, "/plans", ada))[1]
        await fill(strict, "/plans", "/sessions", ada, plan_id="flash")
        status, text = await fill(strict, "/plans", "/sessions", ada, plan_id="flash")
        assert status == 429
        assert "0 of 2 free sessions and extensions left today. The next one is there in 24 h." in " ".join(
            text.split()
        )


async def test_where_the_operator_grants_nothing_is_sold(database: Database) -> None:
    ada = await make_user(database)
    async with site(database, checkout=("manual",)) as manual:
        assert "granted by hand" in (await visit(manual, "/plans", ada))[1]
        status, text = await fill(manual, "/plans", "/sessions", ada, plan_id="flash")
    assert status == 403
    assert "granted by the operator" in text


async def test_the_history_lists_filters_and_leads_to_the_place(client: Client, database: Database) -> None:
    ada, eve = await make_user(database), await make_user(database, "Eve")
    session_id = await make_session(database, ada, "pro")
    made = []
    for kind, prompt in (("image", "a quiet harbour"), ("video", "waves at night")):
        order = CreateGeneration(client_id=ids.new(), kind=kind, prompt=prompt)
        message = await database.run_as(ada, generations.create, session_id, order, SKETCH)
        made.append((message.id, message.generations[0].id))
    _, everything = await visit(client, "/history", ada)
    assert "a quiet harbour" in everything
    assert "waves at night" in everything
    _, clips = await visit(client, "/history?kind=video", ada)
    assert "waves at night" in clips
    assert "a quiet harbour" not in clips
    assert "No match" in (await visit(client, "/history?status=done", ada))[1]
    assert "a quiet harbour" in (await visit(client, "/history?q=harbour", ada))[1]
    assert "a quiet harbour" in (await visit(client, "/history?kind=nonsense", ada))[1]
    [(message_id, generation_id), _] = made
    where = f"/sessions/{session_id}#message_{message_id}"
    assert await visit(client, f"/generations/{generation_id}", ada) == (303, where)
    assert (await visit(client, f"/generations/{generation_id}", eve))[0] == 404
    assert "Nothing made yet" in (await visit(client, "/history", eve))[1]


async def test_the_history_says_the_prompt_of_a_batch_once_and_leads_to_a_picture_that_is_done(
    client: Client, database: Database
) -> None:
    ada = await make_user(database)
    session_id = await make_session(database, ada, "pro")
    for count, prompt in ((3, "a quiet harbour"), (1, "a red fox")):
        order = CreateGeneration(client_id=ids.new(), kind="image", prompt=prompt, count=count)
        message = await database.run_as(ada, generations.create, session_id, order, SKETCH)
    _, page = await visit(client, "/history", ada)
    assert page.count('class="history-batch"') == 2
    assert page.count("history-row--follows") == 2
    generation_id = message.generations[0].id
    await run_sql(database, "UPDATE generations SET status = 'done', finished_at = now() WHERE id = $1", generation_id)
    where = f"/sessions/{session_id}#generation_{generation_id}"
    assert await visit(client, f"/generations/{generation_id}", ada) == (303, where)


async def test_the_history_is_paged(client: Client, database: Database) -> None:
    ada = await make_user(database)
    session_id = await make_session(database, ada, "pro")
    order = CreateGeneration(client_id=ids.new(), kind="image", prompt="first of all")
    message = await database.run_as(ada, generations.create, session_id, order, SKETCH)
    statement = """
        INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height, deadline_at)
        SELECT gen_random_uuid(), message_id, session_id, user_id, kind, n + 1, 'later', 1, width, height, deadline_at
          FROM generations, generate_series(1, 35) AS n WHERE message_id = $1
    """
    await run_sql(database, statement, message.id)
    _, first = await visit(client, "/history", ada)
    assert first.count("<deletable-item") == generation_pages.PAGE
    older = re.search(r'href="(/history\?before=[^"]+)"', first)
    assert older
    _, second = await visit(client, older[1], ada)
    assert second.count("<deletable-item") == 36 - generation_pages.PAGE
    assert "Newest" in second


async def test_the_pages_of_all_sessions_hold_each_once_whatever_their_number(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_service, "PAGE", 3)
    ada = await make_user(database)
    ended = [await make_session(database, ada, title=f"Ended {number}", minutes=-60) for number in range(4)]
    active = [await make_session(database, ada, title=f"Active {number}") for number in range(4)]
    path, found = "/sessions", []
    while path:
        text = (await visit(client, path, ada))[1]
        found += re.findall(r'session-card__link[^>]* href="/sessions/([0-9a-f-]{36})"', text)
        older = re.search(r'href="(/sessions\?before=[0-9a-f-]+)"', text)
        path = older[1] if older else ""
    assert found == [*reversed(active), *reversed(ended)]
