"""The operator's pages over the whole product: who gets in, and what they find."""

import json
import re
import uuid
from pathlib import Path

import pytest

from chatserver.admin.pages import layout
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.product import running
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """With a setting that names a plan which is not there."""
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url, DEFAULT_PLAN="flesh") as process:
        yield process


async def test_every_section_of_the_navigation_answers(operator):
    for section in layout.SECTIONS:
        answer = await operator.visit(section.path)
        assert answer.status == 200, (section.path, answer.text)
        assert 'aria-current="page"' in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_member_is_told_that_it_is_the_operators(ada):
    async with opened(ada) as browser:
        answer = await browser.visit("/admin")
        assert (answer.status, "for the operator" in answer.text) == (403, True)
        assert 'href="/admin"' not in (await browser.visit("/sessions")).text


async def test_a_visitor_is_led_to_the_sign_in_page_and_back(product):
    async with opened(product) as browser:
        answer = await browser.visit("/admin", follow=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/admin")


async def test_a_token_of_an_admin_opens_no_page(product, database):
    grace = await sign_up(product, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    assert (await grace.fetch("/admin"))[0] == 401


async def test_an_admin_who_is_demoted_is_out_at_once(operator, database):
    assert (await operator.visit("/admin")).status == 200
    await run_sql(database, "UPDATE users SET role = 'member'")
    assert (await operator.visit("/admin")).status == 403


async def test_the_overview_answers_whether_it_works_and_whether_anybody_waits(operator):
    text = (await operator.visit("/admin")).text
    assert "Yes, everything answers" in text
    assert "Is anyone waiting?" in text
    assert "Provider sketch" in text


async def test_a_setting_that_names_no_plan_stops_nothing_and_is_told(operator, product):
    assert "DEFAULT_PLAN names &#39;flesh&#39;, which is no plan" in (await operator.visit("/admin")).text
    [told] = [json.loads(line) for line in product.output().splitlines() if '"plans.misnamed"' in line]
    assert (told["level"], told["meaning"]) == ("warning", "DEFAULT_PLAN names 'flesh', which is no plan")


async def test_the_overview_says_that_a_refund_has_not_arrived(operator, database):
    assert "has not arrived" not in (await operator.visit("/admin")).text
    found = "INSERT INTO payment_events (id, gateway, outcome) VALUES (gen_random_uuid(), 'stripe', 'refund-failed')"
    await run_sql(database, found)
    assert "1 refund has not arrived: pay in another way" in (await operator.visit("/admin")).text
    await run_sql(database, "DELETE FROM payment_events")


async def test_a_provider_is_paused_and_resumed_with_a_form_and_the_log_says_so(operator, database):
    page = await operator.visit("/admin/work")
    [pause] = [action for action in page.forms if action.endswith("/pause")]
    answer = await operator.post(pause, page.forms[pause], follow=True)
    assert (answer.status, "is paused" in answer.text) == (200, True)
    assert "Partly: sketch cannot be asked" in (await operator.visit("/admin")).text
    [resume] = [action for action in answer.forms if action.endswith("/resume")]
    assert "is asked again" in (await operator.post(resume, answer.forms[resume], follow=True)).text
    rows = await run_sql(database, "SELECT action, actor, address FROM audit_entries ORDER BY id DESC LIMIT 2")
    assert [tuple(row.values()) for row in rows] == [
        ("provider.resumed", "Grace", "127.0.0.1"),
        ("provider.paused", "Grace", "127.0.0.1"),
    ]


async def test_people_of_one_name_are_told_apart_by_their_addresses(product, operator, database):
    name = f"Ada {uuid.uuid4().hex[:6]}"
    first, second, guest = [await sign_up(product, name.replace(" ", "-")) for _ in range(3)]
    await run_sql(database, "UPDATE users SET name = $1 WHERE id = ANY($2)", name, [first.id, second.id, guest.id])
    await run_sql(database, "UPDATE users SET email = 'guest-' || id || '@invalid' WHERE id = $1", guest.id)
    text = (await operator.visit(f"/admin/people?q={name}")).text
    rows = [re.sub(r"<.*?>", " ", row).split() for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]
    assert [row[2] for row in rows if row[:1] == ["Ada"]] == ["a", second.user["email"], first.user["email"]]
    assert "@invalid" not in text + (await operator.visit(f"/admin/people/{guest.id}")).text


async def test_a_form_without_its_token_or_for_nothing_that_exists_does_nothing(operator, database):
    before = await run_sql(database, "SELECT count(*) AS n FROM audit_entries")
    page = await operator.visit("/admin/work")
    token = next(iter(page.forms.values()))["csrf_token"]
    for path, csrf, status in (
        ("/admin/work/providers/sketch/pause", "", 403),
        ("/admin/work/providers/sketch/pause", "x" * 43, 403),
        ("/admin/work/providers/nobody/pause", token, 404),
        ("/admin/work/providers/sketch/explode", token, 404),
        ("/admin/work/generations/00000000-0000-7000-8000-000000000000/cancel", token, 404),
        ("/admin/work/checks/everything", token, 404),
    ):
        assert (await operator.post(path, {"csrf_token": csrf})).status == status, path
    answer = await operator.post(
        "/admin/work/holds/00000000-0000-7000-8000-000000000000/settle", {"csrf_token": token}, follow=True
    )
    assert "settled already" in answer.text
    assert await run_sql(database, "SELECT count(*) AS n FROM audit_entries") == before


async def test_an_admin_who_is_demoted_between_page_and_press_changes_nothing(operator, database):
    page = await operator.visit("/admin/work")
    [pause] = [action for action in page.forms if action.endswith("/pause")]
    await run_sql(database, "UPDATE users SET role = 'member'")
    assert (await operator.post(pause, page.forms[pause])).status == 403
    assert await run_sql(database, "SELECT 1 FROM provider_gates WHERE paused") == []


async def test_the_process_shows_itself_alive_and_the_books_are_checked_from_here(operator):
    page = await operator.visit("/admin/work")
    assert "serves and works" in page.text
    answer = await operator.post("/admin/work/checks/books", page.forms["/admin/work/checks/books"], follow=True)
    while "Running since" in answer.text:
        answer = await operator.visit("/admin/work")
    assert "All is well" in answer.text


async def test_a_session_and_a_person_are_found_and_given_to_and_the_log_has_it(operator, product, database):
    ada = await sign_up(product, "Ada")
    session = await ada.buys("flash")
    found = await operator.visit(f"/admin/people?q={session['id']}")
    assert found.path.startswith(f"/admin/people/{ada.id}?session={session['id']}")
    assert ada.user["email"] in found.text
    own = f"/admin/people/{ada.id}/sessions/{session['id']}"
    given = {**found.forms[own + "/credits"], "kind": "image", "count": "2"}
    refused = await operator.post(own + "/credits", given)
    assert (refused.status, "reason must say why" in refused.text) == (422, True)
    before = session["credits"]["image"]["limit"]
    answer = await operator.post(own + "/credits", {**given, "reason": "=1+1, an outage"}, follow=True)
    assert (answer.status, "2 more image credits" in answer.text) == (200, True)
    assert (await ada.credits(session))["image"]["limit"] == before + 2
    # Sent once more, as by a reload of what did not come.
    await operator.post(own + "/credits", {**given, "reason": "=1+1, an outage"})
    assert (await ada.credits(session))["image"]["limit"] == before + 2
    more = found.forms[own + "/extend"]
    for minutes in ("", "x", "-5", "1e3", "9999999", "\u0663", "0"):
        assert (await operator.post(own + "/extend", {**more, "minutes": minutes})).status == 422, minutes
    log = await operator.visit(f"/admin/audit.csv?target={ada.id}")
    assert "'=1+1, an outage" in log.text
    assert log.headers["Content-Type"].startswith("text/csv")


async def test_a_form_that_is_sent_again_makes_one(operator, database):
    line, word = f"Back at {uuid.uuid4()}", f"w{uuid.uuid4().hex}"
    announced = {"text": line, "until": "1h"}
    sold = {"plan_id": "pro", "count": "2", "expires": "90d", "note": line}
    for path, fields, statuses in (
        ("/admin/announcements", announced, [303, 303]),
        ("/admin/rules", {"terms": word}, [303, 303]),
        ("/admin/codes", sold, [200, 409]),
    ):
        form = (await operator.visit(path)).forms[path] | fields
        assert [(await operator.post(path, form)).status for _ in range(2)] == statuses, path
    made = [
        (await run_sql(database, f"SELECT count(*) FROM {table} WHERE {column}::text LIKE $1", f"%{text}%"))[0][0]
        for table, column, text in (
            ("announcements", "text", line),
            ("prompt_rules", "terms", word),
            ("codes", "note", line),
        )
    ]
    assert made == [1, 1, 2]
    await run_sql(database, "UPDATE announcements SET until = now() WHERE text = $1", line)


async def test_what_was_written_is_read_with_a_reason_and_its_author_sees_it(operator, product, database):
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("flash"))
    await chat.says("between us")
    await chat.leaves()
    page = await operator.visit(f"/admin/people/{ada.id}")
    assert "between us" not in page.text
    action = f"/admin/people/sessions/{chat.session_id}/conversation"
    assert (await operator.post(action, page.forms[action])).status == 422
    read = await operator.post(action, {**page.forms[action], "reason": "a report of spam"})
    assert (read.status, "between us" in read.text) == (200, True)
    async with opened(ada) as browser:
        shown = await browser.visit("/settings/readings")
        assert "a report of spam" in shown.text
        assert "a report of spam" in (await browser.visit("/settings/export")).text


async def test_a_reset_link_is_shown_once(operator, product):
    ada = await sign_up(product, "Ada")
    page = await operator.visit(f"/admin/people/{ada.id}")
    action = f"/admin/people/{ada.id}/reset"
    answer = await operator.post(action, page.forms[action])
    [link] = re.findall(rf'value="{re.escape(product.url)}(/reset/[^"]+)"', answer.text)
    assert "/reset/" not in (await operator.visit(f"/admin/people/{ada.id}")).text.replace(action, "")
    async with opened(product) as browser:
        assert (await browser.visit(link)).status == 200


async def test_a_ban_needs_a_reason_and_the_last_admin_stays_one(operator, product, database):
    ada = await sign_up(product, "Ada")
    page = await operator.visit(f"/admin/people/{ada.id}")
    action = f"/admin/people/{ada.id}/ban"
    assert (await operator.post(action, {**page.forms[action], "reason": ""})).status == 422
    assert (await operator.post(action, {**page.forms[action], "reason": "spam"})).status == 303
    assert (await ada.fetch("/api/v1/users/me"))[0] == 401
    # The operator of this test is the one who came last.
    [grace] = await run_sql(database, "SELECT id FROM users WHERE role = 'admin' ORDER BY id DESC LIMIT 1")
    await run_sql(database, "UPDATE users SET role = 'member' WHERE id <> $1", grace["id"])
    page = await operator.visit(f"/admin/people/{grace['id']}")
    action = f"/admin/people/{grace['id']}/make-member"
    answer = await operator.post(action, page.forms[action])
    assert (answer.status, "only admin" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/admin/people.csv?q=Grace", r"[0-9a-f-]{36},Grace,admin,active,.+,.*,0"),
        ("/admin/people.csv", r"[0-9a-f-]{36},Grace,admin,active,.+,.*,0"),
        ("/admin/plans.csv", r"pro,Pro,99(\.0)?,INR,True,180,15,.+"),
        ("/admin/work/tables/providers.csv", r"sketch,1,open,.+"),
        ("/admin/work/tables/waiting.csv", r"id,kind,session_id,person,.+"),
        ("/admin/work/tables/leases.csv", r"id,job,.+"),
        ("/admin/work/tables/holds.csv", r"session_id,kind,.+"),
        ("/admin/work/tables/processes.csv", r".+,all,.+"),
    ],
)
async def test_what_a_page_lists_is_a_file_too(operator, path, line):
    answer = await operator.visit(path, Accept="*/*")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert any(re.fullmatch(line, each) for each in answer.text.splitlines()), answer.text
    assert "@" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await operator.visit("/admin/work/tables/nothing.csv")).status == 404


async def test_a_file_that_the_store_has_lost_is_marked_and_shown_again_when_it_is_back(operator, product):
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("flash"))
    made = await chat.sees_ended(await chat.generates("a quiet lake"))
    generation = made["generations"][0]
    asset = generation["assets"][0]
    folder = Path(product.environment["DATA_DIR"]) / "files" / ada.id / generation["id"]
    [file] = [each for each in folder.iterdir() if each.suffix == ".png"]
    kept = file.read_bytes()
    path = f"/admin/work/files/{asset['id']}"

    async def listed(lever):
        """The page once the comparison has ended, with what can be pressed."""
        page = await operator.visit("/admin/work")
        page = await operator.post("/admin/work/checks/files", page.forms["/admin/work/checks/files"], follow=True)
        while "Running since" in page.text:
            page = await operator.visit("/admin/work")
        return page if f"{path}/{lever}" in page.forms else None

    token = (await operator.visit("/admin/work")).forms["/admin/work/checks/books"]
    refused = await operator.post(f"{path}/lost", token, follow=True)
    assert "The file is there." in refused.text
    file.unlink()
    page = await listed("lost")
    marked = await operator.post(f"{path}/lost", page.forms[f"{path}/lost"], follow=True)
    assert "marked as lost" in marked.text
    await chat.sees(
        lambda message: "lost from the store" in ((message["generations"] or [{}])[0].get("withheld") or "")
    )
    assert (await ada.fetch(asset["url"]))[0] == 404
    assert "not there yet" in (await operator.post(f"{path}/again", token, follow=True)).text
    file.write_bytes(kept)
    shown = await operator.post(f"{path}/again", marked.forms[f"{path}/again"], follow=True)
    assert "It is shown again." in shown.text
    assert (await ada.fetch(asset["url"]))[0] == 200
    assert "not marked as lost" in (await operator.post(f"{path}/again", token, follow=True)).text
    for wrong in (f"{path}/explode", f"/admin/work/files/{ada.id}/lost", "/admin/work/files/x/lost"):
        assert (await operator.post(wrong, token)).status == 404
    log = (await operator.visit(f"/admin/audit.csv?target={asset['id']}")).text
    assert ("file.marked_lost" in log, "file.shown_again" in log) == (True, True)
    await chat.leaves()
