"""The page of figures: tables and their files."""

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
