"""The websocket commands of sessions."""

from chatserver.realtime.ports import Caller, Command
from chatserver.sessions import summaries
from chatserver.sessions.requests import Seen
from chatserver.state import State


async def mark_seen(state: State, caller: Caller, command: Seen) -> dict[str, str]:
    await state.database.run_as(caller.viewer.id, summaries.mark_seen, caller.session_id, command.seq)
    return {}


COMMANDS = [Command("session.seen", Seen, mark_seen)]
