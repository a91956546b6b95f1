"""The page of figures: tables and their files."""

import html
import re

from tests.admin.test_admin_pages import operator as operator
from tests.support.story import sign_up


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
    lines = (await operator.visit("/admin/figures/tables/by_model.csv?period=7d")).text.splitlines()
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
    [model] = [link for link in links if "provider=sketch" in link and "kind=image" in link]
    text = (await operator.visit(model)).text
    assert "sketch" in text and "nothing" in text
    for secret in ("an owl", ada.id, "@example.org"):
        assert secret not in text
    lines = (await operator.visit(model.replace("/attempts?", "/attempts.csv?"))).text.splitlines()
    assert lines[0].startswith("id,started_at,ended_at,kind,provider,model,outcome,error,blame,plan")
    assert ",image,sketch," in lines[1] and ",done,,,pro," in lines[1]
    assert "Nothing that fits" in (await operator.visit("/admin/attempts?provider=nobody")).text
