"""A new password by e-mail, and the proof of an address, over the whole product."""

import re
from urllib.parse import urlsplit

import pytest

from chatserver.mail.service import VERIFICATIONS
from chatserver.text import normalization
from chatserver.users import attempt_limits, email_addresses
from chatserver.users.attempt_limits import AttemptCount
from tests.mail.servers import FROM, PASSWORD, url
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.product import running
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, server, tmp_path_factory):
    mailing = {"SMTP_URL": url(server), "MAIL_FROM": FROM, "FREE_SESSIONS_NEED_VERIFIED_ADDRESS": "true"}
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
        # Of her address, which is to be verified, and of the password; what other tests have asked for may come between.
        own = [mail for mail in mailbox.mails if mail["To"] == ada.user["email"]]
        [_, sent] = sorted(own, key=lambda mail: "/reset/" in mail.get_content())
        assert sent["From"] == FROM
        assert "nobody@example.org" not in [mail["To"] for mail in mailbox.mails]
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


async def test_an_address_is_verified_by_the_link_of_the_sign_up_and_free_sessions_begin(product, mailbox, database):
    async with opened(product) as browser:
        email = "grace@example.org"
        fields = {"email": email, "name": "Grace", "password": "a good long one"}
        assert (await browser.fills("/sign-up", "/sign-up", **fields)).status == 303
        assert "with a verified e-mail address" in (await browser.visit("/plans")).text
        form = (await browser.visit("/settings")).forms["/settings/verification"]
        refused = await browser.fills("/plans", "/sessions", plan_id="pro")
        assert (refused.status, "another" in refused.text) == (403, True)
        answers = [(await browser.post("/settings/verification", form, follow=True)).text for _ in range(4)]
        assert ["on its way" in answer for answer in answers] == [True, True, False, False]
        while await run_sql(database, "SELECT FROM mail_queue"):
            pass
        own = [sent for sent in mailbox.mails if sent["To"] == email]
        assert len(own) == 3
        *old, new = [re.search("/verify-email/[^ \\n]+", sent.get_content())[0] for sent in own]
        for path in (*old, "/verify-email/%00", "/verify-email/" + "x" * 5000):
            assert (await browser.visit(path)).status == 404
        assert email in (await browser.visit(new)).text
        form = (await browser.visit(new)).forms[""]
        done = await browser.post(new, form, follow=True)
        assert "is verified" in done.text
        assert (await browser.post(new, form)).status == 404
        assert "This address is verified" in (await browser.visit("/settings")).text
        assert (await browser.fills("/plans", "/sessions", plan_id="pro")).status == 303
    assert new not in product.output()


async def test_a_guest_by_name_gives_an_address_first_and_keeps_the_account_whatever_was_sent_there(product, database):
    async with opened(product) as browser:
        fields = {"email": "by-name@example.org", "name": "Eike", "password": "a good long one"}
        await browser.fills("/sign-up", "/sign-up", **fields)
        nobody = "UPDATE users SET email = $1, email_key = $1, password_hash = NULL WHERE email = $2"
        await run_sql(database, nobody, email_addresses.of_nobody(), fields["email"])
        shown = (await browser.visit("/plans")).text
        assert ('href="/settings#keep"' in shown, "Open the link" in shown) == (True, False)
        refused = (await browser.fills("/plans", "/sessions", plan_id="pro")).text
        assert refused.count("with a verified e-mail address") == refused.count("Give your account an address") == 1
        # The sign-up has asked for one link already: after two more the next one has to wait.
        count = AttemptCount(VERIFICATIONS, normalization.email_key(fields["email"]))
        for _ in range(3):
            refusal = await database.run_system(attempt_limits.count_attempts, [count])
        assert refusal
        kept = await browser.fills("/settings", "/settings/keep", email=fields["email"], password=fields["password"])
        assert (kept.status, kept.headers["Location"]) == (303, "/settings#password")
