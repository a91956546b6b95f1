"""One round of cleanup: every step is taken, whatever becomes of the others."""

import pytest
from structlog.testing import capture_logs

from chatserver import rollups, users
from chatserver.app.housekeeping import Housekeeping
from chatserver.errors import Busy
from chatserver.privacy import erasure, session_deletion
from chatserver.sharing import service as sharing


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
