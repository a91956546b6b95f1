"""The API's entrance for programs that speak OpenAI's images API: its paths below the base URL /api/v1."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

from msgspec import Struct, structs

from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.assets.delivery import FileParts
from chatserver.errors import ChatserverError, Invalid, NotFound
from chatserver.generations import creation
from chatserver.generations.model_choice import model_choices, refusal
from chatserver.generations.requests import CreateGeneration
from chatserver.messages.models import Message
from chatserver.openai_api import completion, edits, keys, multipart
from chatserver.openai_api.completion import Images
from chatserver.openai_api.keys import Place
from chatserver.openai_api.requests import CreateImages, EditImages, ImageOptions, check_model, generation_of
from chatserver.providers.base import Task
from chatserver.uploads.service import UploadParts
from chatserver.web.hosts import link_origin


class Model(Struct, frozen=True, kw_only=True):
    """A model that makes or changes pictures here; `owned_by` is its provider."""

    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"


class Models(Struct, frozen=True, kw_only=True):
    """The models that make or change pictures here."""

    data: tuple[Model, ...]
    object: Literal["list"] = "list"


async def create_images(request: ApiRequest, body: CreateImages) -> Images:
    state, viewer = request.state, request.viewer
    check_model(body, _model(request, "image").id)
    wanted = generation_of(body)
    place = await state.database.run_as(viewer.id, keys.place_of, request.http.headers, body)
    message = await _create(request, place, structs.replace(wanted, client_id=place.client_id))
    return await _done(request, message, body)


async def _create(request: ApiRequest, place: Place, wanted: CreateGeneration) -> Message:
    state, user_id = request.state, request.viewer.id
    try:
        return await creation.create(state.database, user_id, place.session_id, wanted, model_choices(state.providers))
    except ChatserverError as error:
        # After any other error it may have been stored, as it may for one that was sent again.
        if place.is_first and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await state.database.run_as(user_id, keys.release, place)
        raise


async def edit_images(request: ApiRequest) -> Images:
    # The files are let go of before the wait for the pictures.
    message, wanted = await _create_edit(request)
    return await _done(request, message, wanted)


async def _create_edit(request: ApiRequest) -> tuple[Message, ImageOptions]:
    state, viewer_id, sent = request.state, request.viewer.id, await multipart.read_edit(request.http)
    check_model(sent.wanted, _model(request, "edit").id)
    place = await state.database.run_as(viewer_id, keys.place_of, request.http.headers, sent.wanted)
    parts = UploadParts(state.database, state.storage, state.pictures)
    message = await edits.create(parts, viewer_id, place, sent, model_choices(state.providers))
    return message, sent.wanted


async def _done(request: ApiRequest, message: Message, wanted: ImageOptions) -> Images:
    state, origin = request.state, link_origin(request.state.config, request.http.scope)
    files = FileParts(state.database, state.storage, state.pictures, state.sealer, request.viewer.id)
    marks = state.config.picture_mark
    parts = completion.Parts(files, state.hub, state.secret_key, request.viewer, origin, marks)
    return await completion.images(parts, await completion.wait(parts, message), wanted)


async def list_models(request: ApiRequest) -> Models:
    return Models(data=tuple(_models(request)))


async def show_model(request: ApiRequest) -> Model:
    for model in _models(request):
        if model.id == request.text("model"):
            return model
    raise NotFound


def _models(request: ApiRequest) -> list[Model]:
    """The models that make pictures and that change them, each once."""
    choices = model_choices(request.state.providers)
    tasks: Sequence[Task] = ("image", "edit")
    return list(dict.fromkeys(_model(request, task) for task in tasks if task in choices))


def _model(request: ApiRequest, task: Task) -> Model:
    choices = model_choices(request.state.providers)
    why_not = refusal(choices, task)
    if why_not is not None:
        raise Invalid(why_not)
    return Model(id=choices[task].model, owned_by=choices[task].provider)


ROUTES = [
    Endpoint(
        "POST",
        "/images/generations",
        create_images,
        summary="Make 1–4 pictures and wait for them, as OpenAI's images API does",
        body=CreateImages,
        answer=Images,
        errors={409, 502},
    ),
    Endpoint(
        "POST",
        "/images/edits",
        edit_images,
        summary="Change a picture, or a part of it, and wait for the result, as OpenAI's images API does",
        form=EditImages,
        answer=Images,
        errors={409, 502},
    ),
    Endpoint(
        "GET",
        "/models",
        list_models,
        summary="The models that make or change pictures, as OpenAI's API lists them",
        answer=Models,
    ),
    Endpoint("GET", "/models/{model:path}", show_model, summary="One of these models", answer=Model),
]
