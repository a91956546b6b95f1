"""The websocket commands of messages."""

from chatserver import ids, messages
from chatserver.generations import deletion as generation_deletion
from chatserver.messages.models import Message
from chatserver.messages.requests import CreateMessage, MessageOnly, kept_text
from chatserver.realtime.ports import Caller, Command
from chatserver.state import State


async def create(state: State, caller: Caller, command: CreateMessage) -> dict[str, Message]:
    html = await state.markdown.render(kept_text(command), caller.viewer.id)
    return {"message": await state.database.run_as(caller.viewer.id, messages.say, caller.session_id, command, html)}


async def delete(state: State, caller: Caller, command: MessageOnly) -> dict[str, Message]:
    message_id = ids.parse(command.message_id)
    return {
        "message": await state.database.run_system(generation_deletion.delete_message, caller.viewer.id, message_id)
    }


async def stop(state: State, caller: Caller, command: MessageOnly) -> dict[str, Message]:
    message_id = ids.parse(command.message_id)
    return {"message": await state.database.run_as(caller.viewer.id, messages.stop, message_id)}


COMMANDS = [
    Command("message.create", CreateMessage, create),
    Command("message.delete", MessageOnly, delete),
    Command("message.stop", MessageOnly, stop),
]
