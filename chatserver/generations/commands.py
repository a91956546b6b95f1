"""The websocket's entrance to generations."""

from chatserver import generations, ids
from chatserver.generations import improving
from chatserver.generations.improving import Improved, ImprovePrompt
from chatserver.generations.makers import makers
from chatserver.generations.requests import CreateGeneration, GenerationOnly
from chatserver.messages.models import Generation, Message
from chatserver.realtime.base import Caller, Command
from chatserver.state import State


def commands(state: State) -> tuple[Command, ...]:
    """generation.create, generation.cancel, generation.retry, generation.delete, prompt.improve."""
    run = state.database.run_as

    async def create(caller: Caller, command: CreateGeneration) -> dict[str, Message]:
        can_make = makers(state)
        return {"message": await run(caller.viewer.id, generations.create, caller.session_id, command, can_make)}

    async def cancel(caller: Caller, command: GenerationOnly) -> dict[str, Generation]:
        return {"generation": await run(caller.viewer.id, generations.cancel, ids.parse(command.generation_id))}

    async def retry(caller: Caller, command: GenerationOnly) -> dict[str, Generation]:
        generation_id = ids.parse(command.generation_id)
        return {"generation": await run(caller.viewer.id, generations.retry, generation_id, makers(state))}

    async def delete(caller: Caller, command: GenerationOnly) -> dict[str, Message]:
        generation_id = ids.parse(command.generation_id)
        return {"message": await state.database.run_system(generations.delete, caller.viewer.id, generation_id)}

    async def improve(caller: Caller, command: ImprovePrompt) -> Improved:
        return await improving.improve(state, caller, command)

    return (
        Command("generation.create", CreateGeneration, create),
        Command("generation.cancel", GenerationOnly, cancel),
        Command("generation.retry", GenerationOnly, retry),
        Command("generation.delete", GenerationOnly, delete),
        Command("prompt.improve", ImprovePrompt, improve),
    )
