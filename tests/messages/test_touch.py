"""Many changes of one message at the same time: each takes a number of its own, and the last one stands."""

import asyncio

from chatserver import ids, messages
from chatserver.generations import queue
from chatserver.generations.provider_limits import ProviderLimits
from tests.credits.test_credits import create
from tests.support.people import make_session, make_user, run_sql


async def test_each_change_takes_the_next_number_and_tells_the_state_of_its_moment(database, published) -> None:
    ada = await make_user(database)
    session_id = await make_session(database, ada, "pro")
    message = await create(database, ada, session_id, count=4)
    chain = (ProviderLimits("sketch", frozenset({"image"})),)
    await asyncio.gather(
        *(database.run_system(queue.claim, ids.new(), chain, 1) for _ in range(4)),
        *(database.run_system(messages.touch, message.id) for _ in range(20)),
    )
    seqs = [
        event.seq for event in published.events(f"session:{session_id}") if type(event).__name__ == "MessageChanged"
    ]
    assert sorted(seqs) == list(range(1, max(seqs) + 1))
    assert max(seqs) >= 24
    [row] = await run_sql(
        database, "SELECT s.seq, m.seq AS stamped FROM user_sessions s JOIN messages m ON m.id = $1", message.id
    )
    assert row["seq"] == row["stamped"] == max(seqs)
    told = {
        event.seq: event.message for event in published.events(f"session:{session_id}") if hasattr(event, "message")
    }
    claimed = [sum(each.status == "model-loading" for each in told[seq].generations) for seq in sorted(told)]
    assert claimed == sorted(claimed), "nobody is told an older state under a newer number"
