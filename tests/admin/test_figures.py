"""The page of figures: tables and their files."""

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support.people import run_sql
from tests.support.story import sign_up

REPLY = """
INSERT INTO reply_calls (id, ended_at, plan_id, provider, model, outcome, error_code, first_token, seconds, tokens_in,
                         tokens_out, cost, currency)
VALUES (gen_random_uuid(), $1, 'pro', 'service', $2, $3, $4, $5, $6, $7, $8, $9, $10)"""


async def test_what_was_made_is_on_the_page_and_in_its_files(operator, product):
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    await chat.sees_ended(await chat.generates("a fox", width=64, height=64))
    await chat.leaves()
    answer = await operator.visit("/admin/figures?period=7d&zone=Asia/Kolkata")
    assert answer.status == 200
    for words in ("Sketch", "By model", "What went wrong", "Made in a session", "admin-chart", "period=7d"):
        assert words.lower() in answer.text.lower(), words
    assert "a fox" not in answer.text
    lines = (await operator.visit("/admin/figures/tables/by_model.csv?period=7d", Accept="*/*")).text.splitlines()
    assert lines[0].startswith("kind,provider,model,calls,done,failed")
    assert any(line.startswith("image,sketch,") for line in lines[1:])
    for name in ("daily", "errors", "credits", "sold", "per_session"):
        assert (await operator.visit(f"/admin/figures/tables/{name}.csv")).status == 200
    assert (await operator.visit("/admin/figures/tables/secrets.csv")).status == 404


async def test_figures_lead_to_the_calls_behind_them(operator, product):
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    await chat.sees_ended(await chat.generates("an owl", width=64, height=64))
    await chat.leaves()
    answer = await operator.visit("/admin/figures?period=7d")
    links = [html.unescape(each) for each in re.findall(r'href="(/admin/attempts\?[^"]*)"', answer.text)]
    assert len(links) >= 6
    for link in links:
        assert (await operator.visit(link)).status == 200, link
    [model] = [link for link in links if "?kind=image&provider=sketch" in link]
    text = (await operator.visit(model)).text
    assert "sketch" in text and "nothing" in text
    for secret in ("an owl", ada.id, "@example.org"):
        assert secret not in text
    lines = (await operator.visit(model.replace("/attempts?", "/attempts.csv?"), Accept="*/*")).text.splitlines()
    assert lines[0].startswith("id,started_at,ended_at,kind,provider,model,outcome,error,blame,plan")
    assert ",image,sketch," in lines[1] and ",done,,,pro," in lines[1]
    assert "Nothing that fits" in (await operator.visit("/admin/attempts?provider=nobody")).text


async def test_replies_lead_to_their_rows_which_have_no_word_of_them(operator, database):
    row = (now := datetime.now(UTC), "novelist", "done", None, 0.5, 2.0, 1234, 77, Decimal("0.002"), "USD")
    await run_sql(database, REPLY, *row)
    await run_sql(database, REPLY, now, "novelist", "failed", "provider-down", None, 9.0, 10, 0, None, None)
    for _ in range(3):
        # The first of the table: nobody has heard a word of it.
        await run_sql(database, REPLY, now, "silent", "failed", "provider-down", None, 9.0, 10, 0, None, None)
    text = (await operator.visit("/admin/figures?period=7d")).text
    assert "<td data-number>1,244</td>" in text, "thousands stand apart"
    heading = re.search(r"<th [^>]*>First words, median</th>", text.partition('id="replies"')[2])
    assert heading and "data-number" in heading[0], "it stands above its numbers, also where the first is unknown"
    assert '<td class="faint" data-number>unknown</td>' in text
    assert "<td data-number>$0.0020</td>" in text, "an amount has its currency"
    links = {html.unescape(each) for each in re.findall(r'href="(/admin/replies\?[^"]*novelist[^"]*)"', text)}
    outcomes = ("", "&outcome=done", "&outcome=failed")
    assert links == {f"/admin/replies?provider=service&model=novelist{each}&period=7d" for each in outcomes}
    shown = {link: (await operator.visit(link)).text for link in links}
    assert sorted(("1,234" in text, "provider-down" in text) for text in shown.values()) == [
        (False, True), (True, False), (True, True),
    ]  # fmt: skip
    own = "provider=service&model=novelist&period=7d"
    lines = (await operator.visit(f"/admin/replies.csv?{own}&outcome=done", Accept="*/*")).text.splitlines()
    assert lines[0].startswith("id,ended_at,provider,model,outcome,error,plan,first_words,seconds,tokens_in,tokens_out")
    assert len(lines) == 2 and ",service,novelist,done,,pro,0.5,2.0,1234,77,0.002" in lines[1]
    today, before = now.date().isoformat(), (now - timedelta(days=1)).date().isoformat()
    for day, is_there in ((today, True), (before, False)):
        text = (await operator.visit(f"/admin/replies?{own}&day={day}")).text
        assert (f"<option selected>{day}" in text, "Nothing that fits" in text) == (True, not is_there)


@pytest.mark.parametrize("page", ["/admin", "/admin/figures", "/admin/money"])
async def test_every_figure_leads_to_what_is_behind_it(operator, database, page):
    await run_sql(database, REPLY, datetime.now(UTC), "writer", "done", None, 0.5, 2.0, 9, 9, None, None)
    text = (await operator.visit(page)).text
    figures = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", text, re.DOTALL)
    assert len(figures) >= 4
    for name, value in figures:
        link = re.match(r'<a class="link" href="([^"]*)"', value)
        assert link, f"{name} on {page} leads nowhere"
        address, _, part = html.unescape(link[1]).partition("#")
        answer = text if not address else (await operator.visit(address)).text
        assert not part or f'id="{part}"' in answer, (name, link[1])


async def test_each_day_leads_to_its_calls(operator, product):
    began = datetime.now(UTC).date()
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    await chat.sees_ended(await chat.generates("a hen", width=64, height=64))
    await chat.leaves()
    for page in ("/admin/figures", "/admin/money"):
        text = (await operator.visit(f"{page}?period=7d")).text
        links = [html.unescape(each) for each in re.findall(r'href="(/admin/attempts\?day=[^"]*)"', text)]
        today = max(links)
        assert any(f"day={day}" in today for day in (began, datetime.now(UTC).date()))
        assert "<td>sketch</td>" in (await operator.visit(today)).text
