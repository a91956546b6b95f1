"""The API's entrance to generations."""

from msgspec import Struct

from chatserver import generations
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.generations.model_choice import model_choices
from chatserver.generations.requests import CreateGeneration
from chatserver.messages.models import Generation, Message


class CreatedAnswer(Struct, frozen=True):
    """The message that holds the new generations."""

    message: Message


class GenerationAnswer(Struct, frozen=True):
    """One generation as it now is."""

    generation: Generation


async def create_generation(call: ApiRequest, body: CreateGeneration) -> CreatedAnswer:
    session_id = call.id("session_id")
    run = call.state.database.run_as
    return CreatedAnswer(
        await run(call.viewer.id, generations.create, session_id, body, model_choices(call.state.providers))
    )


async def cancel_generation(call: ApiRequest) -> GenerationAnswer:
    run, generation_id = call.state.database.run_as, call.id("generation_id")
    return GenerationAnswer(await run(call.viewer.id, generations.cancel, generation_id))


async def retry_generation(call: ApiRequest) -> GenerationAnswer:
    run, generation_id = call.state.database.run_as, call.id("generation_id")
    return GenerationAnswer(
        await run(call.viewer.id, generations.retry, generation_id, model_choices(call.state.providers))
    )


async def delete_generation(call: ApiRequest) -> None:
    await call.state.database.run_system(generations.delete, call.viewer.id, call.id("generation_id"))


async def delete_asset(call: ApiRequest) -> None:
    await call.state.database.run_system(generations.delete_asset, call.viewer.id, call.id("asset_id"))


async def show_history(call: ApiRequest) -> generations.History:
    query = call.query(generations.HistoryQuery)
    return await call.state.database.run_as(call.viewer.id, generations.history, query)


ROUTES = [
    Endpoint(
        "POST",
        "/sessions/{session_id}/generations",
        create_generation,
        summary="Make 1–4 pictures or clips",
        body=CreateGeneration,
        answer=CreatedAnswer,
        status=202,
    ),
    Endpoint(
        "POST",
        "/generations/{generation_id}/cancel",
        cancel_generation,
        summary="Cancel; the credit comes back",
        answer=GenerationAnswer,
        status=202,
    ),
    Endpoint(
        "POST",
        "/generations/{generation_id}/retry",
        retry_generation,
        summary="Make a new version of an ended one",
        answer=GenerationAnswer,
        status=202,
    ),
    Endpoint(
        "DELETE",
        "/generations/{generation_id}",
        delete_generation,
        summary="Delete a picture or clip; its file goes at once, a credit in use comes back",
        status=204,
    ),
    Endpoint("DELETE", "/assets/{asset_id}", delete_asset, summary="The same, by the id of its file", status=204),
    Endpoint(
        "GET",
        "/generations",
        show_history,
        summary="One's own generations, the newest first",
        query=generations.HistoryQuery,
        answer=generations.History,
    ),
]
