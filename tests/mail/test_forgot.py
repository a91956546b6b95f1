"""A new password by e-mail, over the whole product."""

from urllib.parse import urlsplit

import pytest

from tests.mail.servers import FROM, PASSWORD, url
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.product import running
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, server, tmp_path_factory):
    mailing = {"SMTP_URL": url(server), "MAIL_FROM": FROM}
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url, **mailing) as process:
        yield process


async def test_a_person_asks_for_a_link_and_sets_a_new_password_with_it(product, mailbox, database):
    ada = await sign_up(product, "Ada")
    async with opened(product) as browser:
        assert 'href="/forgot"' in (await browser.visit("/sign-in")).text
        answers = []
        for email in (ada.user["email"], "nobody@example.org"):
            form = (await browser.visit("/forgot")).forms["/forgot"]
            answers.append((await browser.post("/forgot", {**form, "email": email}, follow=True)).text)
        assert all("is on its way" in answer for answer in answers)
        while await run_sql(database, "SELECT FROM mail_queue"):
            pass
        [sent] = mailbox.mails
        assert (sent["To"], sent["From"]) == (ada.user["email"], FROM)
        [link] = [word for word in sent.get_content().split() if "/reset/" in word]
        page = await browser.visit(urlsplit(link).path)
        [(action, form)] = [each for each in page.forms.items() if "password" in each[1]]
        done = await browser.post(
            action or urlsplit(link).path, {**form, "password": "a new one entirely"}, follow=True
        )
        assert "new password is set" in done.text
        form = (await browser.visit("/forgot")).forms["/forgot"]
        assert (await browser.post("/forgot", {**form, "email": "x\r\nBcc: y@example.org"})).status == 422
    log = product.output()
    assert "mail.sent" in log
    assert not [secret for secret in (PASSWORD, "c%40nary", "nobody@example.org", link) if secret in log]
