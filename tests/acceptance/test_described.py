"""For a stranger who has only the served documents: every answer and event of a whole visit is described there."""

import asyncio
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jsonschema
import pytest

from tests.imaging import samples
from tests.support.story import ApiUser

Document = dict[str, Any]


@pytest.fixture(scope="module")
async def documents(product):
    async with aiohttp.ClientSession() as client:
        found = []
        for name in ("openapi", "asyncapi"):
            async with client.get(f"{product.url}/api/v1/{name}.json") as answer:
                found.append(await answer.json())
        return found


class Described:
    """One person's calls, each of which must be described in the OpenAPI document: its status, type and fields."""

    def __init__(self, person: ApiUser, document: Document) -> None:
        self.person, self.document = person, document

    async def call(self, method: str, path: str, body: Any = None, data: bytes | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.person.token}"} if self.person.token else {}
        url = f"{self.person.product.url}/api/v1{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, url, json=body, data=data) as answer,
        ):
            text = await answer.text()
            value = await answer.json() if text else None
            shape = self._response(method, path, answer.status).get("content")
            assert (shape is None) == (not text), (method, path, answer.status)
            if shape is not None:
                check(self.document, shape[answer.content_type]["schema"], value)
            return answer.status, value

    def _response(self, method: str, path: str, status: int) -> Document:
        operations = operation_of(self.document, f"/api/v1{path}".partition("?")[0])
        responses = operations[method.lower()]["responses"]
        assert str(status) in responses, f"{method} {path} gave {status}, which is not described"
        return resolved(self.document, responses[str(status)])


def operation_of(document: Document, path: str) -> Document:
    """The path that is written out comes before one with parameters."""
    for pattern in sorted(document["paths"], key=lambda each: each.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path):
            return document["paths"][pattern]
    raise AssertionError(f"{path} is not described")


def resolved(document: Document, schema: Document) -> Document:
    while "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def check(document: Document, schema: Document, value: Any) -> None:
    """The value fits the schema, and has no field that is not in it."""
    jsonschema.validate(value, {**schema, "components": document["components"]}, jsonschema.Draft202012Validator)
    assert not list(unknown(document, schema, value))


def unknown(document: Document, schema: Document, value: Any, where: str = "$"):
    schema = resolved(document, schema)
    for choice in schema.get("anyOf", ()):
        if resolved(document, choice).get("type") in ("object", "array") and value is not None:
            yield from unknown(document, choice, value, where)
    if isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name not in schema["properties"]:
                yield f"{where}.{name}"
            else:
                yield from unknown(document, schema["properties"][name], part, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for part in value:
            yield from unknown(document, schema["items"], part, f"{where}[]")


async def test_the_socket_begins_as_the_contract_says_whatever_was_added_to_it(ada):
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.says("hello")
    again = await ada.joins(session, after=0)
    await again.hears(lambda event: event["type"] == "message")
    kinds = [event["type"] for event in again.events]
    assert kinds[:5] == ["welcome", "session", "credits", "stats", "presence"]
    assert "message" not in kinds[5 : kinds.index("favorites")]
    for each in (chat, again):
        await each.leaves()


async def test_every_event_is_described_and_nothing_is_described_that_only_machines_tell_each_other(
    ada, bob, documents
):
    described = documents[1]["components"]["messages"]
    commands = {each["$ref"].split("/")[-1] for each in documents[1]["operations"]["commands"]["messages"]}
    assert {"ping", "typing.command", "message.create", "session.seen"} <= commands
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat, other = await ada.joins(session), await bob.joins(session)
    await other.asks("typing")
    await chat.says("hello, what can I do here?")
    message = await chat.sees_ended(await chat.generates("a fox", width=64, height=64, count=2))
    asset = message["generations"][0]["assets"][0]
    await chat.asks("asset.favorite", asset_id=asset["id"], on=True)
    await chat.hears(lambda event: event["type"] == "stats" and event["images"] == 2)
    for event in (*chat.events, *other.events):
        check(documents[1], described[event["type"]]["payload"], event)
    internal = {"jobs", "sign-ins-ended", "pictures-changed", "operator-acted", "report-made"}
    assert not internal & set(described)
    for each in (chat, other):
        await each.leaves()


async def test_every_answer_is_described_with_its_status_and_fields(product, ada, bob, documents):
    mine, his = Described(ada, documents[0]), Described(bob, documents[0])
    nobody = Described(ApiUser(product, ada.user, "", ""), documents[0])
    session, key = await ada.buys("pro"), str(uuid.uuid4())
    own, none = f"/sessions/{session['id']}", str(uuid.uuid4())
    await bob.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a fox", width=64, height=64))
    generation = message["generations"][0]
    asset_id, picture = generation["assets"][0]["id"], samples.picture("PNG")
    upload = f"{own}/uploads?client_id={key}"
    expected = [
        (nobody, 401, "GET", "/sessions"),
        (nobody, 401, "POST", "/tokens", {"email": ada.user["email"], "password": "this is not the one"}),
        (nobody, 409, "POST", "/users", {"email": ada.user["email"], "name": "Eve", "password": "a long enough one"}),
        (mine, 422, "POST", "/sessions", {"plan_id": "huge"}),
        (mine, 201, "POST", "/sessions", {"plan_id": "flash", "client_id": key}),
        (mine, 409, "POST", "/sessions", {"plan_id": "pro", "client_id": key}),
        (mine, 200, "GET", own),
        (his, 403, "PATCH", own, {"title": "Mine"}),
        (his, 403, "POST", f"{own}/generations", {"client_id": key, "kind": "image", "prompt": "x"}),
        (mine, 422, "POST", f"{own}/generations", {"client_id": key, "kind": "image", "prompt": ""}),
        (mine, 422, "POST", f"{own}/generations", generate(key, source_asset_id=none)),
        (mine, 422, "POST", f"{own}/generations", generate(key, source_asset_id="that one")),
        (mine, 200, "GET", f"{own}/messages?after=0&limit=2"),
        (mine, 422, "GET", f"{own}/messages?limit=0"),
        (mine, 422, "GET", f"{own}/messages?after=null"),
        (mine, 422, "GET", "/generations?status=null"),
        (mine, 200, "GET", "/generations?kind=image&limit=1"),
        (mine, 404, "GET", "/generations?before=nothing"),
        (mine, 202, "POST", f"/generations/{generation['id']}/enlarge", {"side": 128, "client_id": key}),
        (mine, 409, "POST", f"/generations/{generation['id']}/retry?client_id={key}"),
        (mine, 409, "POST", f"/generations/{generation['id']}/retry", {"client_id": key}),
        (mine, 422, "POST", f"/generations/{generation['id']}/retry?client_id={key}", {"client_id": "other"}),
        (mine, 202, "POST", f"/generations/{generation['id']}/cancel"),
        (mine, 201, "POST", upload, None, picture),
        (mine, 409, "POST", upload, None, samples.picture("JPEG")),
        (mine, 404, "GET", f"/uploads?session_id={none}"),
        (mine, 201, "POST", "/albums", {"name": "Foxes", "asset_ids": [asset_id]}),
        (mine, 404, "POST", "/albums", {"name": "Foxes", "asset_ids": [none]}),
        (mine, 200, "GET", f"/albums?asset_id={asset_id}"),
        (mine, 404, "GET", "/albums?before=nothing"),
        (mine, 201, "POST", "/shares", {"kind": "picture", "asset_ids": [asset_id]}),
        (mine, 404, "POST", "/shares", {"kind": "picture", "asset_ids": [none]}),
        (mine, 404, "POST", "/pictures/favorites", {"asset_ids": ["nothing"], "on": True}),
        (mine, 200, "GET", f"/assets/{asset_id}"),
        (mine, 404, "GET", "/pictures?before=nothing"),
        (mine, 204, "PUT", f"/assets/{asset_id}/favorite"),
        (mine, 204, "PUT", f"/assets/{asset_id}/favorite", {}),
        # Nothing is read of what is sent where no field is taken, so none may be sent.
        (mine, 422, "PUT", f"/assets/{asset_id}/favorite", {"on": False}),
        (mine, 422, "POST", f"/generations/{generation['id']}/cancel", {"client_id": key}),
        (mine, 201, "POST", f"/assets/{asset_id}/links"),
        (mine, 201, "POST", f"{own}/invites"),
        (his, 201, "POST", f"/messages/{message['id']}/reports", {"kind": "other", "words": "a fox"}),
        (mine, 204, "DELETE", f"/messages/{message['id']}"),
    ]
    for person, status, *request in expected:
        found, answer = await person.call(*request)
        assert found == status, (request, answer)
    await chat.leaves()


def generate(client_id: str, **fields: Any) -> Document:
    return {"client_id": client_id, "kind": "image", "prompt": "x", **fields}


async def test_a_body_may_be_missing_where_no_field_is_needed_and_a_query_has_no_null(documents):
    for path, method, is_required in (
        ("/api/v1/invites/{code}", "post", False),
        ("/api/v1/sessions/{session_id}/invites", "post", False),
        ("/api/v1/sessions", "post", True),
    ):
        assert documents[0]["paths"][path][method]["requestBody"]["required"] is is_required
    shapes = [
        each["schema"] for path in documents[0]["paths"].values() for op in path.values() for each in op["parameters"]
    ]
    assert not [shape for shape in shapes if "null" in str(shape)]


async def test_a_file_that_is_somewhat_too_large_is_answered_and_not_cut_off(ada):
    session = await ada.buys()
    described = f"{ada.product.url}/api/v1/sessions/{session['id']}/uploads?client_id=large"
    # As most clients do: the whole body is sent before the answer is read.
    head = {"Authorization": f"Bearer {ada.token}"}
    status = await sent_before_reading(described, head, b"\xff\xd8\xff" + bytes(11 * 1024 * 1024))
    assert status == 413


async def sent_before_reading(url: str, headers: dict[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"POST {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    writer.write(body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status
