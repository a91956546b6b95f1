"""E-mail against a real SMTP server: what it refuses, how often one may ask, and what is never told or logged."""

import asyncio
import contextlib

import pytest
from aiosmtplib.email import extract_recipients
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chatserver import config as configuration
from chatserver import mail, sessions
from chatserver.config import Config
from chatserver.doctor import mail as doctor
from chatserver.errors import AddressNotVerified, ConfigurationError, Invalid, NotFound, RateLimited
from chatserver.mail import smtp
from chatserver.mail.sender import MailSender
from chatserver.privacy import erasure
from chatserver.users import email_addresses, email_verification
from chatserver.users.models import Visitor
from tests.mail.servers import FROM, PASSWORD, settings, url
from tests.support import ports
from tests.support.people import make_user, run_sql


@pytest.fixture
async def asks(database):
    """Asks for a link, as one who has not asked before."""
    await run_sql(database, "DELETE FROM mail_queue")
    await run_sql(database, "DELETE FROM throttles")

    async def asks(email, address="203.0.113.7"):
        await mail.ask_for_reset(database, email, Visitor(address=address))

    return asks


async def waiting(database):
    return len(await run_sql(database, "SELECT FROM mail_queue"))


async def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(database, server, mailbox, asks):
    await make_user(database, "Ada", email="ada@example.org")
    sender = MailSender(database, settings(server), first_pause=0)
    await asks("ADA@example.org")
    mailbox.answers.append("451 later")
    with capture_logs() as log:
        assert await sender.send_next()
        assert (await waiting(database), mailbox.mails) == (1, [])
        assert await sender.send_next()
    assert (await waiting(database), [each["To"] for each in mailbox.mails]) == (0, ["ada@example.org"])
    assert [(each["event"], each.get("code")) for each in log if each["event"].startswith("mail.")] == [
        ("mail.failed", 451),
        ("mail.sent", None),
    ]
    assert "example.org" not in repr(log)
    await asks("ada@example.org")
    mailbox.answers.append("554 never")
    assert await sender.send_next()
    assert (await waiting(database), len(mailbox.mails)) == (0, 1)


async def test_what_became_of_a_payment_is_sent_with_its_page_also_a_day_later_and_to_nobody_who_has_left(
    database, server, mailbox
):
    await run_sql(database, "DELETE FROM mail_queue")
    await make_user(database, "Cyd", email="cyd@example.org")
    for address in ("cyd@example.org", "gone@example.org"):
        await database.run_system(mail.tell_of_payment, address, "₹49 for Flash went back to you.", "/orders/7")
    await run_sql(database, "UPDATE mail_queue SET created_at = now() - interval '23 hours'")
    config = settings(server)
    sender = MailSender(database, config)
    while await sender.send_next():
        pass
    [sent] = mailbox.mails
    assert (sent["To"], sent["Subject"]) == ("cyd@example.org", f"Your payment at {config.site_name}")
    assert sent.get_content().splitlines() == [
        "₹49 for Flash went back to you.",
        "",
        f"The order: {config.origin}/orders/7",
    ]
    assert await waiting(database) == 0


async def test_who_does_not_exist_or_is_banned_is_sent_nothing_and_what_is_old_is_given_up(
    database, server, mailbox, asks
):
    eve = await make_user(database, "Eve", email="eve@example.org")
    await make_user(database, "Ben", email="ben@example.org")
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", eve)
    for email in ("nobody@example.org", "eve@example.org", "ben@example.org"):
        await asks(email)
    await run_sql(database, "UPDATE mail_queue SET created_at = now() - interval '31 min' WHERE address LIKE 'ben%'")
    sender = MailSender(database, settings(server))
    while await sender.send_next():
        pass
    assert (await waiting(database), mailbox.mails) == (0, [])


async def test_a_server_that_is_away_keeps_the_mail_and_a_pause_comes_first(database, asks):
    await make_user(database, "Cy", email="cy@example.org")
    away = Config(smtp_url=f"smtp://127.0.0.1:{ports.reserve()}", mail_from=FROM)
    await asks("cy@example.org")
    sender = MailSender(database, away)
    assert await sender.send_next()
    assert not await sender.send_next()
    assert await waiting(database) == 1


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b\r\nBcc: c@example.org", "a\0@example.org", "x" * 300 + "@example.org"]
)
async def test_what_is_no_address_is_refused(asks, email):
    with pytest.raises(Invalid):
        await asks(email)


async def test_asking_again_and_again_is_slowed_by_person_and_by_network_alike_for_who_does_not_exist(asks):
    for number in range(3):
        await asks("nobody@example.org", f"203.0.{number}.1")
    with pytest.raises(RateLimited):
        await asks("Nobody@Example.org", "203.0.9.1")
    for number in range(10):
        await asks(f"nobody{number}@example.org", "198.51.100.7")
    with pytest.raises(RateLimited):
        await asks("nobody10@example.org", "198.51.100.7")


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\u2028"])
def test_no_header_can_be_added(server, line_end):
    config = settings(server)
    made = bytes(smtp.message(config, "ada@example.org", f"A{line_end}Bcc: eve@example.org", "text"))
    assert b"\nBcc:" not in made
    with pytest.raises(ValueError, match="line"):
        smtp.message(config, f"ada@example.org{line_end}Bcc: eve@example.org", "A", "text")


@pytest.mark.parametrize("address", ["=?utf-8?q?ada?=@example.org", "=?utf-8?q??=@example.org", "a@=?utf-8?q?b?=.org"])
async def test_nothing_is_sent_to_an_address_that_is_read_as_another(database, server, mailbox, asks, address):
    # Of an account from before such an address was refused.
    await make_user(database, "Eve", email=address)
    await database.run_system(mail.tell_of_payment, address, "Thank you.", "/orders/7")
    sender = MailSender(database, settings(server), first_pause=0)
    with capture_logs() as log:
        while await sender.send_next():
            pass
    assert [(each["event"], each["final"]) for each in log if each["event"].startswith("mail.")] == [
        ("mail.failed", True)
    ]
    assert mailbox.mails == [] and await waiting(database) == 0


_SIGNS = st.text(st.characters(codec="utf-8") | st.sampled_from("=?_%'`.!#&*+/{}|~^-"), min_size=1, max_size=12)


@given(_SIGNS, _SIGNS, _SIGNS)
def test_an_email_goes_to_the_very_address_of_an_account(local, domain, top):
    with contextlib.suppress(Invalid):
        address = email_addresses.check(f"{local}@{domain}.{top}")
        made = smtp.message(Config(mail_from=FROM), address, "A", "text")
        assert extract_recipients(made) == [address]


def test_a_password_leaves_this_machine_encrypted_only_and_is_in_no_text(server):
    remote = smtp.server_of(Config(smtp_url="smtp://user:secret@mail.example.org", mail_from=FROM))
    assert (remote.port, remote.start_tls, remote.use_tls) == (587, True, False)
    tls = smtp.server_of(Config(smtp_url="smtps://user:secret@mail.example.org", mail_from=FROM))
    assert (tls.port, tls.start_tls, tls.use_tls) == (465, False, True)
    assert smtp.server_of(settings(server)).password == PASSWORD
    shown = {name: value for name, value, _ in configuration.settings(settings(server))}
    assert "nary" not in repr(smtp.server_of(settings(server))) + shown["SMTP_URL"]


@pytest.mark.parametrize("sender", ["", "pictures", "a@b\r\nBcc: c@d", "A <a@b>", "a@b, c@d"])
def test_a_sender_that_is_no_address_stops_the_start(sender):
    with pytest.raises(ConfigurationError, match="MAIL_FROM"):
        configuration.load({"SMTP_URL": "smtp://localhost", "MAIL_FROM": sender})


async def test_the_doctor_says_whether_the_server_lets_us_in(server):
    assert await doctor.check(Config()) == []
    assert [each.status for each in await doctor.check(settings(server))] == ["ok"]
    [wrong] = await doctor.check(Config(smtp_url=url(server, "wrong"), mail_from=FROM))
    assert (wrong.status, "SMTPAuthenticationError" in wrong.message, "wrong" in wrong.message) == (
        "failure",
        True,
        False,
    )
    [away] = await doctor.check(Config(smtp_url=f"smtp://127.0.0.1:{ports.reserve()}", mail_from=FROM))
    assert away.status == "failure"


async def test_what_a_person_s_limit_refuses_counts_for_the_network_too(asks):
    for _ in range(3):
        await asks("nobody@example.org")
    for _ in range(7):
        with pytest.raises(RateLimited):
            await asks("nobody@example.org")
    with pytest.raises(RateLimited):
        await asks("somebody.else@example.org")


@pytest.fixture
async def link_of(database):
    """The secret of a new link for the address of an account; None where it needs none."""

    async def link_of(user):
        return await database.run_system(email_verification.begin, user)

    return link_of


async def test_a_link_verifies_the_address_that_it_was_sent_to_once_and_for_days(database, link_of):
    ada = await make_user(database, "Ada")
    first, second = await link_of(ada), await link_of(ada)
    for token in (first, "", "x" * 100_000, "nul\0", "\ud800"):
        with pytest.raises(NotFound, match="used already, or is too old"):
            await database.run_system(email_verification.confirm, token)
    await run_sql(database, "UPDATE users SET email = 'new-' || email WHERE id = $1", ada)
    with pytest.raises(NotFound):
        await database.run_system(email_verification.confirm, second)
    third = await link_of(ada)
    await run_sql(database, "UPDATE email_verifications SET expires_at = now() WHERE user_id = $1", ada)
    with pytest.raises(NotFound):
        await database.run_system(email_verification.find, third)
    fourth = await link_of(ada)
    confirming = (database.run_system(email_verification.confirm, fourth) for _ in range(5))
    done = await asyncio.gather(*confirming, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["NoneType", *["NotFound"] * 4]
    assert (await database.run_system(email_verification.status, ada)).is_verified
    assert await link_of(ada) is None


async def test_a_banned_account_and_one_that_is_closed_have_no_link(database, link_of):
    eve = await make_user(database, "Eve")
    token = await link_of(eve)
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", eve)
    assert await link_of(eve) is None
    with pytest.raises(NotFound):
        await database.run_system(email_verification.confirm, token)


async def test_the_address_of_a_link_goes_with_its_account(database, link_of):
    ada, eve = await make_user(database, "Ada"), await make_user(database, "Eve")
    for user in (ada, eve):
        await link_of(user)
    await database.run_system(erasure.close_account, ada)
    rows = await run_sql(database, "SELECT user_id FROM email_verifications WHERE user_id = ANY($1)", [ada, eve])
    assert [str(row["user_id"]) for row in rows] == [eve]


async def test_free_sessions_can_need_a_verified_address_but_not_of_accounts_from_before(database, limited, link_of):
    held = await limited(free_sessions_need_verified_address=True)
    ada, old, guest = await make_user(database), await make_user(database), await make_user(database)
    await run_sql(database, "UPDATE users SET email_is_exempt = true WHERE id = $1", old)
    await run_sql(database, "UPDATE users SET email = $2 WHERE id = $1", guest, email_addresses.of_nobody())

    async def buys(where, user):
        return await where.run_system(sessions.buy, user, "pro", None, checkout="instant")

    assert (await buys(database, ada)).status == (await buys(held, old)).status == "active"
    for user, words in ((ada, "Open the link"), (guest, "Give your account an address")):
        with pytest.raises(AddressNotVerified, match=words):
            await buys(held, user)
    await database.run_system(email_verification.confirm, await link_of(ada))
    assert (await buys(held, ada)).status == "active"


def test_what_needs_verified_addresses_needs_a_mail_server():
    with pytest.raises(ConfigurationError, match="SMTP_URL"):
        configuration.load({"FREE_SESSIONS_NEED_VERIFIED_ADDRESS": "true"})
