"""The websocket commands of generations."""

from msgspec import structs

from chatserver import ids
from chatserver.generations import creation, deletion, masks, prompt_improvement, versions
from chatserver.generations import service as generations
from chatserver.generations.model_choice import model_choices
from chatserver.generations.models import Generation
from chatserver.generations.prompt_improvement import ImprovedPrompt, ImprovePrompt
from chatserver.generations.requests import CreateGeneration, EnlargeGeneration, GenerationOnly, RetryGeneration
from chatserver.messages.models import Message
from chatserver.realtime.ports import Caller, Command
from chatserver.state import State


async def create(state: State, caller: Caller, command: CreateGeneration) -> dict[str, Message]:
    user_id, session_id = caller.viewer.id, caller.session_id
    mask = await masks.verified(state.database, state.pictures, user_id, session_id, command)
    choices = model_choices(state.providers)
    return {"message": await creation.create(state.database, user_id, session_id, command, choices, mask)}


async def cancel(state: State, caller: Caller, command: GenerationOnly) -> dict[str, Generation]:
    generation_id = ids.parse(command.generation_id)
    return {"generation": await state.database.run_as(caller.viewer.id, generations.cancel, generation_id)}


async def retry(state: State, caller: Caller, command: RetryGeneration) -> dict[str, Generation]:
    request = structs.replace(command, generation_id=ids.parse(command.generation_id))
    run, choices = state.database.run_as, model_choices(state.providers)
    return {"generation": await run(caller.viewer.id, versions.retry, request, choices)}


async def enlarge(state: State, caller: Caller, command: EnlargeGeneration) -> dict[str, Generation]:
    request = structs.replace(command, generation_id=ids.parse(command.generation_id))
    run, choices = state.database.run_as, model_choices(state.providers)
    return {"generation": await run(caller.viewer.id, versions.enlarge, request, choices)}


async def delete(state: State, caller: Caller, command: GenerationOnly) -> dict[str, Message]:
    generation_id = ids.parse(command.generation_id)
    return {"message": await state.database.run_system(deletion.delete, caller.viewer.id, generation_id)}


async def improve(state: State, caller: Caller, command: ImprovePrompt) -> ImprovedPrompt:
    return await prompt_improvement.improve(state.database, state.chat, caller, command)


COMMANDS = [
    Command("generation.create", CreateGeneration, create),
    Command("generation.cancel", GenerationOnly, cancel),
    Command("generation.retry", RetryGeneration, retry),
    Command("generation.enlarge", EnlargeGeneration, enlarge),
    Command("generation.delete", GenerationOnly, delete),
    Command("prompt.improve", ImprovePrompt, improve, concurrent=True),
]
