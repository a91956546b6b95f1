"""Alarms to the operator against a real SMTP server: what raises them, how often, and what is sent without the database."""

import asyncio

import pytest

from chatserver import config as configuration
from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.mail.sender import MailSender
from chatserver.monitoring.alarms import AlarmWatch
from tests.mail.servers import FROM, settings, url
from tests.support.people import make_session, make_user, run_sql

OPERATOR = "ops@example.org"
WELL = {"database": "ok", "broker": "ok", "storage": "ok"}


class Dependencies:
    """What the checks find, as a test says."""

    def __init__(self):
        self.found = dict(WELL)

    async def check(self):
        return self.found


@pytest.fixture
async def quiet(database):
    """No alarm was ever raised, and nothing is wrong."""
    for statement in (
        "DELETE FROM mail_queue",
        "DELETE FROM provider_gates",
        "DELETE FROM payment_events",
        "UPDATE alarms SET raised_at = '-infinity'",
    ):
        await run_sql(database, statement)
    await run_sql(database, "UPDATE generations SET status = 'cancelled', finished_at = now() WHERE status = 'queued'")


def watching(database, server, **more):
    dependencies = Dependencies()
    config = settings(server, alarm_email=OPERATOR, **more)
    return AlarmWatch(database, config, dependencies.check), dependencies, MailSender(database, config)


async def sent(sender, mailbox):
    """The subjects of what is sent now."""
    mailbox.mails.clear()
    while await sender.send_next():
        pass
    assert {each["To"] for each in mailbox.mails} <= {OPERATOR}
    return sorted(each["Subject"].strip() for each in mailbox.mails)


async def test_a_provider_that_is_closed_after_faults_is_told_of_once_an_hour(database, server, mailbox, quiet):
    watch, _, sender = watching(database, server)
    await watch.raise_due()
    assert await sent(sender, mailbox) == []
    await run_sql(
        database,
        """INSERT INTO provider_gates (name, tripped, last_error_code, paused)
           VALUES ('huggingface', true, 'provider-down', false), ('other', false, 'x', false), ('mine', true, 'x', true)""",
    )
    for _ in range(3):
        await watch.raise_due()
    [subject] = await sent(sender, mailbox)
    assert subject == "chatserver: The provider huggingface is closed after faults (provider-down)."
    assert "https://pictures.example.org/admin/work" in mailbox.mails[0].get_content()
    await run_sql(database, "UPDATE alarms SET raised_at = now() - interval '59 min'")
    await watch.raise_due()
    assert await sent(sender, mailbox) == []
    await run_sql(database, "UPDATE alarms SET raised_at = now() - interval '61 min'")
    await watch.raise_due()
    assert len(await sent(sender, mailbox)) == 1


async def test_of_many_workers_that_see_the_same_one_tells(database, server, mailbox, quiet):
    watches = [watching(database, server) for _ in range(4)]
    await run_sql(database, "INSERT INTO provider_gates (name, tripped) VALUES ('huggingface', true)")
    await asyncio.gather(*(watch.raise_due() for watch, _, _ in watches))
    assert len(await sent(watches[0][2], mailbox)) == 1


async def test_a_dependency_is_told_of_when_it_was_found_wrong_twice_in_a_row(database, server, mailbox, quiet):
    watch, dependencies, sender = watching(database, server)
    for found in ("slow", "ok", "failing"):
        dependencies.found = {**WELL, "storage": found}
        await watch.raise_due()
    assert await sent(sender, mailbox) == []
    dependencies.found = {**WELL, "storage": "failing", "broker": "slow"}
    await watch.raise_due()
    assert await sent(sender, mailbox) == ["chatserver: The file store does not answer (failing)."]
    await watch.raise_due()
    assert await sent(sender, mailbox) == ["chatserver: The broker does not answer (slow)."]


async def test_a_refund_that_has_not_arrived_is_told_of_once(database, server, mailbox, quiet):
    watch, _, sender = watching(database, server)
    found = "INSERT INTO payment_events (id, gateway, outcome) VALUES (gen_random_uuid(), 'stripe', $1)"
    for outcome in ("accepted", "wrong-amount", "refund-failed"):
        await run_sql(database, found, outcome)
    for _ in range(2):
        await watch.raise_due()
    assert await sent(sender, mailbox) == ["chatserver: 1 refund has not arrived: see /admin/orders."]
    for table, column in (("alarms", "raised_at"), ("payment_events", "at")):
        await run_sql(database, f"UPDATE {table} SET {column} = now() - interval '61 min'")
    await watch.raise_due()
    assert await sent(sender, mailbox) == []


async def test_work_that_waits_too_long_is_told_of(database, server, mailbox, quiet):
    watch, _, sender = watching(database, server, alarm_queue_minutes=5)
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada)
    await run_sql(
        database,
        """WITH m AS (INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, html,
                                            client_id, seq)
                      VALUES (gen_random_uuid(), $1, $2, 'user', 'Ada', 'image', 'secret', '', 'c', 1) RETURNING id)
           INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height,
                                    created_at)
           SELECT gen_random_uuid(), id, $1, $2, 'image', n, 'secret', 1, 64, 64, now() - interval '1 min' * (n * 4)
             FROM m, generate_series(1, 3) n""",
        session,
        ada,
    )
    await watch.raise_due()
    [subject] = await sent(sender, mailbox)
    assert subject == "chatserver: 2 pictures or clips have waited for more than 5 min, the oldest for 12 min."
    assert "secret" not in mailbox.mails[0].as_string()


@pytest.mark.parametrize(("found", "what"), [("failing", "does not answer"), ("read-only", "takes no changes")])
async def test_without_the_database_the_worker_tells_by_itself_and_once(database, server, mailbox, quiet, found, what):
    mailbox.mails.clear()
    watch, dependencies, _ = watching(database, server)
    dependencies.found = {**WELL, "database": found}
    await watch.raise_due()
    assert mailbox.mails == []
    mailbox.answers.append("451 later")
    for _ in range(4):
        await watch.raise_due()
    assert [each["Subject"] for each in mailbox.mails] == [f"chatserver: The database {what}."]
    assert await run_sql(database, "SELECT FROM mail_queue") == []


@pytest.mark.parametrize("address", ["ops", "a@b\r\nBcc: c@d", "a@example.org, b@example.org", "<ops@example.org>"])
def test_an_alarm_needs_one_address_and_a_server(server, address):
    with pytest.raises(ConfigurationError, match="ALARM_EMAIL"):
        configuration.load({"SMTP_URL": url(server), "MAIL_FROM": FROM, "ALARM_EMAIL": address})
    with pytest.raises(ConfigurationError, match="ALARM_EMAIL"):
        configuration.load({"ALARM_EMAIL": OPERATOR})
    assert Config().alarm_email == ""
