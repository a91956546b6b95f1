"""The API's entrance to generations."""

from msgspec import Struct

from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.errors import Invalid
from chatserver.generations import creation, deletion, history, masks, sources, versions
from chatserver.generations import service as generations
from chatserver.generations.model_choice import model_choices
from chatserver.generations.models import Generation, History
from chatserver.generations.requests import (
    CreateGeneration,
    Enlarge,
    EnlargeGeneration,
    Retry,
    RetryGeneration,
    RetryQuery,
)
from chatserver.generations.sources import AssetDetails
from chatserver.messages.models import Message


class CreatedAnswer(Struct, frozen=True):
    """The message that holds the new generations."""

    message: Message


class GenerationAnswer(Struct, frozen=True):
    """One generation as it now is."""

    generation: Generation


async def create_generation(request: ApiRequest, body: CreateGeneration) -> CreatedAnswer:
    state, user_id, session_id = request.state, request.viewer.id, request.id("session_id")
    mask = await masks.verified(state.database, state.pictures, user_id, session_id, body)
    choices = model_choices(state.providers)
    return CreatedAnswer(await creation.create(state.database, user_id, session_id, body, choices, mask))


async def cancel_generation(request: ApiRequest) -> GenerationAnswer:
    run, generation_id = request.state.database.run_as, request.id("generation_id")
    return GenerationAnswer(await run(request.viewer.id, generations.cancel, generation_id))


async def retry_generation(request: ApiRequest, body: Retry) -> GenerationAnswer:
    in_address = request.query(RetryQuery).client_id
    if None not in {in_address, body.client_id} and in_address != body.client_id:
        raise Invalid.field("client_id", "is another one in the body than in the address")
    wanted = RetryGeneration(request.id("generation_id"), in_address or body.client_id)
    run, choices = request.state.database.run_as, model_choices(request.state.providers)
    return GenerationAnswer(await run(request.viewer.id, versions.retry, wanted, choices))


async def enlarge_generation(request: ApiRequest, body: Enlarge) -> GenerationAnswer:
    wanted = EnlargeGeneration(generation_id=request.id("generation_id"), side=body.side, client_id=body.client_id)
    run, choices = request.state.database.run_as, model_choices(request.state.providers)
    return GenerationAnswer(await run(request.viewer.id, versions.enlarge, wanted, choices))


async def delete_generation(request: ApiRequest) -> None:
    await request.state.database.run_system(deletion.delete, request.viewer.id, request.id("generation_id"))


async def show_asset(request: ApiRequest) -> AssetDetails:
    return await request.state.database.run_as(request.viewer.id, sources.details, request.id("asset_id"))


async def delete_asset(request: ApiRequest) -> None:
    await request.state.database.run_system(deletion.delete_asset, request.viewer.id, request.id("asset_id"))


async def show_history(request: ApiRequest) -> History:
    query = request.query(history.HistoryQuery)
    return await request.state.database.run_as(request.viewer.id, history.read, query)


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
        body=Retry,
        query=RetryQuery,
        answer=GenerationAnswer,
        status=202,
    ),
    Endpoint(
        "POST",
        "/generations/{generation_id}/enlarge",
        enlarge_generation,
        summary="Make a larger version of a finished picture",
        body=Enlarge,
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
    Endpoint(
        "GET",
        "/assets/{asset_id}",
        show_asset,
        summary="A file, how it was made, from which picture, and what was made from it",
        answer=AssetDetails,
    ),
    Endpoint(
        "DELETE",
        "/assets/{asset_id}",
        delete_asset,
        summary="Delete a file with its picture or clip, or an upload",
        status=204,
    ),
    Endpoint(
        "GET",
        "/generations",
        show_history,
        summary="One's own generations, the newest first",
        query=history.HistoryQuery,
        answer=History,
    ),
]
