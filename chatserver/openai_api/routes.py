"""The API's entrance for programs that speak OpenAI's images API: its paths below the base URL /api/v1."""

from http import HTTPStatus
from typing import Literal

from msgspec import Struct, structs

from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.errors import ChatserverError, Invalid, NotFound
from chatserver.generations import creation
from chatserver.generations.model_choice import model_choices, refusal
from chatserver.generations.requests import CreateGeneration
from chatserver.messages.models import Message
from chatserver.openai_api import completion, keys
from chatserver.openai_api.completion import Images
from chatserver.openai_api.keys import Place
from chatserver.openai_api.requests import CreateImages, generation_of
from chatserver.web.hosts import link_origin


class Model(Struct, frozen=True, kw_only=True):
    """A model that makes pictures here; `owned_by` is its provider."""

    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"


class Models(Struct, frozen=True, kw_only=True):
    """The models that make pictures here."""

    data: tuple[Model, ...]
    object: Literal["list"] = "list"


async def create_images(request: ApiRequest, body: CreateImages) -> Images:
    state, viewer = request.state, request.viewer
    wanted = generation_of(body, _model(request).id)
    place = await state.database.run_as(viewer.id, keys.place_of, request.http.headers, body)
    message = await _create(request, place, structs.replace(wanted, client_id=place.client_id))
    origin = link_origin(state.config, request.http.scope)
    parts = completion.Parts(state.database, state.hub, state.storage, state.secret_key, viewer, origin)
    return await completion.images(parts, await completion.wait(parts, message), body.response_format)


async def _create(request: ApiRequest, place: Place, wanted: CreateGeneration) -> Message:
    state, user_id = request.state, request.viewer.id
    try:
        return await creation.create(state.database, user_id, place.session_id, wanted, model_choices(state.providers))
    except ChatserverError as error:
        # After any other error it may have been stored, as it may for one that was sent again.
        if place.is_first and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await state.database.run_as(user_id, keys.release, place)
        raise


async def list_models(request: ApiRequest) -> Models:
    return Models(data=(_model(request),))


async def show_model(request: ApiRequest) -> Model:
    model = _model(request)
    if request.text("model") != model.id:
        raise NotFound
    return model


def _model(request: ApiRequest) -> Model:
    choices = model_choices(request.state.providers)
    why_not = refusal(choices, "image")
    if why_not is not None:
        raise Invalid(why_not)
    return Model(id=choices["image"].model, owned_by=choices["image"].provider)


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
        "GET",
        "/models",
        list_models,
        summary="The models that make pictures, as OpenAI's API lists them",
        answer=Models,
    ),
    Endpoint("GET", "/models/{model:path}", show_model, summary="One of these models", answer=Model),
]
