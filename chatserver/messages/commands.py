"""The websocket commands of messages."""

from chatserver import ids, messages
from chatserver.generations import deletion as generation_deletion
from chatserver.messages import sending, versions
from chatserver.messages.models import Message
from chatserver.messages.requests import (
    CreateMessage,
    EditCommand,
    EditMessage,
    MessageOnly,
    RegenerateCommand,
    RegenerateReply,
    ShowCommand,
    kept_text,
)
from chatserver.realtime.ports import Caller, Command
from chatserver.state import State


async def create(state: State, caller: Caller, command: CreateMessage) -> dict[str, Message]:
    html = await state.markdown.render(kept_text(command), caller.viewer.id)
    return {"message": await sending.send(state.database, caller.viewer.id, caller.session_id, command, html)}


async def edit(state: State, caller: Caller, command: EditCommand) -> dict[str, Message]:
    message_id, request = ids.parse(command.message_id), EditMessage(command.client_id, command.text)
    html = await state.markdown.render(kept_text(request), caller.viewer.id)
    return {"message": await state.database.run_as(caller.viewer.id, versions.edit, message_id, request, html)}


async def regenerate(state: State, caller: Caller, command: RegenerateCommand) -> dict[str, Message]:
    message_id, request = ids.parse(command.message_id), RegenerateReply(command.client_id)
    return {"message": await state.database.run_as(caller.viewer.id, versions.regenerate, message_id, request)}


async def show(state: State, caller: Caller, command: ShowCommand) -> dict[str, Message]:
    message_id = ids.parse(command.message_id)
    return {"message": await state.database.run_as(caller.viewer.id, versions.show, message_id, command.version)}


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
    Command("message.edit", EditCommand, edit),
    Command("message.regenerate", RegenerateCommand, regenerate),
    Command("message.show", ShowCommand, show),
    Command("message.delete", MessageOnly, delete),
    Command("message.stop", MessageOnly, stop),
]
