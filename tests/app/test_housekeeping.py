"""One round of cleanup: every step is taken, whatever becomes of the others."""

import pytest
from structlog.testing import capture_logs

from chatserver import rollups, users
from chatserver.app import housekeeping
from chatserver.app.housekeeping import Housekeeping
from chatserver.errors import Busy
from chatserver.privacy import erasure, session_deletion
from chatserver.sharing import service as sharing
from tests.support.people import make_user, run_sql


class FailingDatabase:
    """Runs no verb, but keeps which it was given; each says that nothing is left to be done. `failing` raises `error`."""

    def __init__(self, failing, error) -> None:
        self._failing, self._error, self.asked = failing, error, []

    async def run_system(self, verb):
        self.asked.append(verb)
        if verb is self._failing:
            raise self._error
        return False


@pytest.mark.parametrize(
    ("error", "event"), [(Busy(), "housekeeping.database_busy"), (LookupError(), "housekeeping.failed")]
)
async def test_an_account_that_cannot_be_removed_keeps_nothing_else_from_being_cleaned_up(error, event):
    database = FailingDatabase(erasure.remove_closed_account, error)
    with capture_logs() as lines:
        await Housekeeping(database).clean_up(sweep=True)
    assert {session_deletion.purge_next_session, rollups.roll_up_next, users.sweep, sharing.sweep} < set(database.asked)
    assert [(line["event"], line["step"]) for line in lines] == [(event, "remove_closed_account")]


async def test_only_a_round_with_a_sweep_deletes_what_has_expired():
    database = FailingDatabase(None, None)
    await Housekeeping(database).clean_up(sweep=False)
    assert rollups.roll_up_next in database.asked
    assert users.sweep not in database.asked


async def test_a_server_that_never_runs_for_an_hour_deletes_what_has_expired_too(monkeypatch):
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0)
    database, rounds = FailingDatabase(None, None), 0

    async def clean_up(self, *, sweep):
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise StopAsyncIteration
        await original(self, sweep=sweep)

    original = Housekeeping.clean_up
    monkeypatch.setattr(Housekeeping, "clean_up", clean_up)
    with pytest.raises(StopAsyncIteration):
        await Housekeeping(database).run()
    assert database.asked.count(users.sweep) == 1


async def test_a_server_without_mail_and_payments_keeps_no_address_and_no_report_of_when_it_had_them(database):
    await run_sql(database, "DELETE FROM mail_queue")
    await run_sql(database, "DELETE FROM payment_events")
    for kind, minutes in (("reset", 85), ("reset", 95), ("payment", 95), ("payment", 1505)):
        await run_sql(
            database,
            "INSERT INTO mail_queue (id, kind, address, words, created_at)"
            " VALUES (gen_random_uuid(), $1, $2, '', now() - $3::integer * interval '1 minute')",
            kind,
            f"{kind}{minutes}@example.org",
            minutes,
        )
    await run_sql(
        database,
        "INSERT INTO payment_events (id, gateway, outcome, at)"
        " SELECT gen_random_uuid(), 'stripe', 'accepted', now() - n * interval '1 day' FROM unnest(ARRAY[89, 91]) AS n",
    )
    await Housekeeping(database).clean_up(sweep=True)
    kept = await run_sql(database, "SELECT address FROM mail_queue ORDER BY created_at DESC")
    assert [row["address"] for row in kept] == ["reset85@example.org", "payment95@example.org"]
    assert len(await run_sql(database, "SELECT FROM payment_events")) == 1


async def test_tokens_that_were_revoked_a_month_ago_are_deleted(database):
    user = await make_user(database, "Ada")
    tokens = [await database.run_as(user, users.create_token, user, name) for name in ("valid", "revoked", "gone")]
    for token, days in zip(tokens[1:], (29, 31), strict=True):
        await run_sql(
            database,
            "UPDATE api_tokens SET revoked_at = now() - $2::integer * interval '1 day' WHERE id = $1",
            token.id,
            days,
        )
    await Housekeeping(database).clean_up(sweep=True)
    rows = await run_sql(database, "SELECT name FROM api_tokens WHERE user_id = $1 ORDER BY id", user)
    assert [row["name"] for row in rows] == ["valid", "revoked"]
