"""The OpenAPI and AsyncAPI documents say what the entrances take, and are valid JSON Schema where they hold some."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import jsonschema
import msgspec
import pytest

from chatserver import ids
from chatserver.api.asyncapi import asyncapi
from chatserver.api.endpoint import Endpoint
from chatserver.api.openapi import openapi
from chatserver.app.entrances import API
from chatserver.app.entrances import COMMANDS as ALL_COMMANDS
from chatserver.credits.events import CreditsChanged
from chatserver.errors import Invalid
from chatserver.generations import requests
from chatserver.generations import routes as generation_routes
from chatserver.generations.events import Progress
from chatserver.generations.requests import CreateGeneration, GenerationOnly
from chatserver.messages import routes as message_routes
from chatserver.messages.events import Delta, MessageChanged
from chatserver.messages.models import Author, Message
from chatserver.messages.requests import CreateMessage
from chatserver.plans import routes as plan_routes
from chatserver.realtime.endpoint import HUB_COMMANDS
from chatserver.realtime.events import CommandReply, Presence, Typing, Welcome
from chatserver.realtime.ports import Command
from chatserver.sessions import routes as session_routes
from chatserver.sessions.events import SessionChanged, StatsChanged
from chatserver.users import routes as user_routes

FEATURES = (user_routes, plan_routes, session_routes, message_routes, generation_routes)
ENDPOINTS: list[Endpoint] = [endpoint for routes in FEATURES for endpoint in routes.ROUTES]
EVENTS = [
    Welcome,
    MessageChanged,
    Delta,
    Progress,
    CreditsChanged,
    StatsChanged,
    SessionChanged,
    Presence,
    Typing,
    CommandReply,
]
# What a reader of the document relies on; the standard's own schema asks for little more.
OPERATION = {
    "type": "object",
    "required": ["operationId", "summary", "tags", "parameters", "responses", "security"],
    "properties": {
        "operationId": {"type": "string", "pattern": "^[a-z_0-9]+$"},
        "summary": {"type": "string", "minLength": 3},
        "parameters": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "in", "required", "schema"],
                "properties": {"in": {"enum": ["path", "query"]}},
            },
        },
        "requestBody": {"type": "object", "required": ["content", "required"]},
        "responses": {
            "type": "object",
            "propertyNames": {"pattern": "^[2-5][0-9][0-9]$"},
            "additionalProperties": {"anyOf": [{"required": ["$ref"]}, {"required": ["description"]}]},
        },
    },
}
OPENAPI = {
    "type": "object",
    "required": ["openapi", "info", "servers", "paths", "components"],
    "properties": {
        "openapi": {"const": "3.1.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "paths": {
            "type": "object",
            "propertyNames": {"pattern": "^/api/v1/"},
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"enum": ["get", "post", "put", "patch", "delete"]},
                "additionalProperties": OPERATION,
            },
        },
    },
}


async def nothing(caller: object, command: object) -> None:
    """A command's handler, which the document does not ask."""


COMMANDS = [
    Command("message.create", CreateMessage, nothing),
    Command("generation.create", CreateGeneration, nothing),
    Command("generation.cancel", GenerationOnly, nothing),
]


@pytest.fixture(scope="module")
def http() -> dict[str, Any]:
    return openapi(ENDPOINTS, "https://pictures.example.org")


@pytest.fixture(scope="module")
def socket() -> dict[str, Any]:
    return asyncapi(COMMANDS, EVENTS, "https://pictures.example.org")


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def _validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, {**schema, "components": document["components"]}, jsonschema.Draft202012Validator)


def test_the_http_document_has_the_structure_of_openapi(http: dict[str, Any]) -> None:
    jsonschema.validate(http, OPENAPI)
    names = [operation["operationId"] for path in http["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(ENDPOINTS)


def test_an_endpoint_of_openais_api_takes_its_form_and_calls_what_is_not_valid_400() -> None:
    paths = openapi(API, "https://pictures.example.org")["paths"]
    edits = paths["/api/v1/images/edits"]["post"]
    assert list(edits["requestBody"]["content"]) == ["multipart/form-data"]
    assert [
        {"400", "422"} & {*paths[f"/api/v1/images/{name}"]["post"]["responses"]} for name in ("edits", "generations")
    ] == [
        {"400"},
        {"400"},
    ]


@pytest.mark.parametrize("name", ["http", "socket"])
def test_every_reference_leads_somewhere_and_every_schema_is_one(name: str, request: pytest.FixtureRequest) -> None:
    document = request.getfixturevalue(name)
    for reference in _references(document):
        assert _resolve(document, reference)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_part_of_a_path_is_a_parameter(http: dict[str, Any]) -> None:
    for path, operations in http["paths"].items():
        for operation in operations.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_bodies_queries_and_answers_are_described(http: dict[str, Any]) -> None:
    stream = http["paths"]["/api/v1/sessions/{session_id}/messages"]
    assert {each["name"] for each in stream["get"]["parameters"]} == {"session_id", "after", "before", "limit"}
    body = stream["post"]["requestBody"]["content"]["application/json"]["schema"]
    _validate(http, body, {"client_id": "1", "text": "hello"})
    with pytest.raises(jsonschema.ValidationError):
        _validate(http, body, {"client_id": "1", "text": "hello", "unknown": 1})
    assert "204" in http["paths"]["/api/v1/messages/{message_id}"]["delete"]["responses"]
    assert http["paths"]["/api/v1/plans"]["get"]["security"] == []


def test_every_error_of_the_tree_is_an_example_of_its_status(http: dict[str, Any]) -> None:
    responses = http["components"]["responses"]
    content = responses["TooManyRequests"]["content"]["application/json"]
    assert {"credits-exhausted", "rate-limited"} <= set(content["examples"])
    for response in responses.values():
        content = response["content"]["application/json"]
        for example in content["examples"].values():
            _validate(http, content["schema"], example["value"])


def test_commands_and_events_of_the_socket_are_described(socket: dict[str, Any]) -> None:
    assert socket["asyncapi"] == "3.0.0"
    assert socket["servers"]["here"] == {"host": "pictures.example.org", "protocol": "wss"}
    messages = socket["components"]["messages"]
    assert {"message.create", "generation.create", "welcome", "message", "progress", "reply"} <= set(messages)
    command = messages["message.create"]["payload"]
    _validate(socket, command, {"type": "message.create", "ref": "1", "client_id": "1", "text": "hello"})
    for wrong in ({"type": "message.create", "ref": "1", "client_id": "1"}, {"type": "other", "ref": "1"}):
        with pytest.raises(jsonschema.ValidationError):
            _validate(socket, command, wrong)


def test_an_event_as_it_is_sent_fits_its_description(socket: dict[str, Any]) -> None:
    message = Message(
        id=ids.new(),
        session_id=ids.new(),
        client_id="1",
        seq=4,
        author=Author(id=ids.new(), name="Ada", kind="user", role="guest", hue=0),
        kind="text",
        text="hello",
        html="<p>hello</p>",
        status="done",
        created_at=datetime.now(UTC),
        generations=(),
    )
    sent = msgspec.json.decode(msgspec.json.encode(MessageChanged(seq=4, message=message)))
    _validate(socket, socket["components"]["messages"]["message"]["payload"], sent)


def test_whatever_is_taken_has_no_field_that_is_unknown() -> None:
    taken = {kind for endpoint in API for kind in (endpoint.body, endpoint.query) if kind is not None}
    taken |= {command.body for command in (*ALL_COMMANDS, *HUB_COMMANDS)}
    assert [kind.__name__ for kind in taken if not kind.__struct_config__.forbid_unknown_fields] == []


def test_what_is_sent_is_whole_and_what_is_taken_may_be_left_out(http: dict[str, Any]) -> None:
    schemas = http["components"]["schemas"]
    # A client that is generated from the document has every field of an answer, and needs no null to make a picture.
    assert set(schemas["Message"]["required"]) == set(schemas["Message"]["properties"])
    assert set(schemas["Asset"]["required"]) == set(schemas["Asset"]["properties"])
    assert schemas["Stage"]["required"] == ["attempt"]
    assert schemas["CreateGeneration"]["required"] == ["client_id", "kind", "prompt"]
    defaults = {name: shape.get("default") for name, shape in schemas["CreateGeneration"]["properties"].items()}
    assert {name: value for name, value in defaults.items() if value is not None} == {"count": 1}
    assert "default" not in schemas["CreateGeneration"]["properties"]["seed"]
    assert not {endpoint.query.__name__ for endpoint in ENDPOINTS if endpoint.query} & set(schemas)
    assert "    " not in schemas["Message"]["description"]


@pytest.mark.parametrize("name", ["prompt", "style", "width", "count", "seed", "steps", "guidance", "strength"])
def test_the_bounds_of_a_field_are_those_at_which_it_is_refused(http: dict[str, Any], name: str) -> None:
    shape = http["components"]["schemas"]["CreateGeneration"]["properties"][name]
    shape = shape.get("anyOf", [shape])[0]
    wish = {"client_id": "1", "kind": "image", "prompt": "a fox", "source_asset_id": ids.new()}
    edges = [shape[edge] for edge in ("minimum", "maximum") if edge in shape]
    values: list[Any] = [*edges, *("x" * shape[edge] for edge in ("minLength", "maxLength") if edge in shape)]
    step = shape.get("multipleOf", 1)
    beyond: list[Any] = [edge + (-step if edge == shape.get("minimum") else step) for edge in edges]
    beyond += ["x" * (shape["maxLength"] + 1)] if "maxLength" in shape else []
    assert values and beyond
    for value in values:
        requests.check(CreateGeneration(**{**wish, name: value}), LARGE)
    for value in beyond:
        with pytest.raises(Invalid):
            requests.check(CreateGeneration(**{**wish, name: value}), LARGE)


LARGE = SimpleNamespace(plan_name="Large", max_count=4, max_size=1024)


@pytest.mark.parametrize(
    ("name", "field", "most"),
    [
        ("CreateUser", "password", 256),
        ("CreateMessage", "text", 8000),
        ("CreateAlbum", "asset_ids", 5000),
        ("CreateShare", "days", 3650),
        ("NewSession", "title", 120),
        ("CreateLink", "seconds", 7 * 24 * 3600),
    ],
)
def test_what_is_taken_says_how_much_of_it(name: str, field: str, most: int) -> None:
    shape = openapi(API, "http://localhost")["components"]["schemas"][name]["properties"][field]
    shape = shape.get("anyOf", [shape])[0]
    assert most in [shape.get(edge) for edge in ("maximum", "maxLength", "maxItems")]
