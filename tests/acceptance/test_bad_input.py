"""Every field of every command, wrong in every way it can be: the documented error, nothing stored, the socket alive."""

import itertools
import json

import aiohttp
import pytest

from tests.support.story import sign_up

ID = "01a204b7-c5bc-73e6-b354-76f2cd69906b"
NUL, SURROGATE = "a\x00b", "a\ud800b"
NOTHING_TO_SEE = "\u200b\u3164\ufe0f\u2060"

TEXT = ["", "   \n", NOTHING_TO_SEE, NUL, SURROGATE, 7, 1.5, True, [], {}, None]
CLIENT_ID = ["", "x" * 65, "a b", "ä", NUL, 7, None, []]
WHOLE = ["5", 1.5, [], {}, True, 10**30]
NAMES = ["", "x", ID, 7, None, []]

# For each command a good body, and for each of its fields what is wrong with it.
COMMANDS = {
    "message.create": ({"client_id": "c", "text": "hello"}, {"client_id": CLIENT_ID, "text": [*TEXT, "x" * 8001]}),
    "generation.create": (
        {"client_id": "c", "kind": "image", "prompt": "a boat"},
        {
            "client_id": CLIENT_ID,
            "kind": ["", "song", 1, None],
            "prompt": [*TEXT, "x" * 2001],
            "negative_prompt": [NUL, SURROGATE, "x" * 2001, 4, []],
            "style": ["x" * 41, NUL, "a\u202eb", 7],
            "width": [*WHOLE, 0, -64, 65, 776],
            "height": [*WHOLE, 0, 70, 4096],
            "count": [*WHOLE, 0, -1, 5, 3],
            "seed": [*WHOLE, -1, 2**32],
            "steps": [*WHOLE, 0, 101],
            "guidance": ["1", -0.1, 30.5, [], True],
            "source_asset_id": ["x", ID, 7],
            "change": ["variation", "edit", "remix", "", 1],
            "strength": ["1", 0.5, -0.1, 1.1, [], True],
            "mask": ["", "!", "AAAA", "x" * 43_693, 7, None, True],
        },
    ),
    "generation.cancel": ({"generation_id": ID}, {"generation_id": NAMES}),
    "generation.retry": ({"generation_id": ID, "client_id": "v"}, {"generation_id": NAMES, "client_id": [7, [], True]}),
    "generation.enlarge": (
        {"generation_id": ID, "side": 512, "client_id": "l"},
        {"generation_id": NAMES, "side": WHOLE, "client_id": [7, [], True]},
    ),
    "generation.delete": ({"generation_id": ID}, {"generation_id": NAMES}),
    "asset.favorite": ({"asset_id": ID, "on": True}, {"asset_id": NAMES, "on": [1, "yes", None, []]}),
    "message.delete": ({"message_id": ID}, {"message_id": NAMES}),
    "message.stop": ({"message_id": ID}, {"message_id": NAMES}),
    "message.edit": ({"client_id": "e", "message_id": ID, "text": "a"}, {"message_id": NAMES}),
    "message.regenerate": ({"client_id": "r", "message_id": ID}, {"message_id": NAMES}),
    "message.show": ({"message_id": ID, "version": 1}, {"message_id": NAMES, "version": ["1", None, 1.5]}),
}
# What a refusal may be called, and its status over HTTP.
STATUS = {"malformed": 400, "invalid": 422, "not-found": 404, "plan-too-small": 403}
# Commands that one person may send in ten seconds, less some for the good ones around them.
BUDGET = 17


def cases():
    """(command, body, the field that is wrong in it)"""
    for command, (body, fields) in COMMANDS.items():
        yield command, {**body, "surprise": 1}, "surprise"
        for field, values in fields.items():
            if field in body:
                yield command, {name: value for name, value in body.items() if name != field}, field
            for value in values:
                yield command, {**body, field: value}, field


def names(error, field):
    """Whether a refusal names the field, or, of a picture to change, one that it depends on."""
    named = error.get("details", {}).get("field")
    together = {"source_asset_id", "change", "strength", "mask"}
    return error["code"] != "invalid" or named == field or {named, field} <= together


async def post(person, path, text):
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    url = f"{person.product.url}/api/v1{path}"
    async with aiohttp.ClientSession() as client, client.post(url, data=text.encode(), headers=headers) as answer:
        return answer.status, await answer.json()


async def stored(person, session):
    answer = await person.call("GET", f"/sessions/{session['id']}/messages")
    return answer["seq"], answer["messages"], await person.credits(session)


async def test_every_wrong_field_of_every_command_is_refused_and_nothing_is_stored(product):
    total = 0
    for some in batches(cases(), BUDGET):
        ada = await sign_up(product, "Ada")
        session = await ada.buys("flash")
        chat = await ada.joins(session)
        before = await stored(ada, session)
        for number, (command, body, _) in enumerate(some):
            await chat.send(command, ref=str(number), **body)
        for number, (command, body, field) in enumerate(some):
            reply = await chat.hears(lambda event, ref=str(number): event["type"] == "reply" and event["ref"] == ref)
            assert not reply["ok"], (command, body)
            assert reply["error"]["code"] in STATUS, (command, body, reply)
            assert reply["error"]["message"] and names(reply["error"], field), (command, body, reply)
        await chat.asks("ping")
        assert await stored(ada, session) == before
        total += len(some)
        await chat.leaves()
    assert total > 120


def batches(iterable, size):
    iterator = iter(iterable)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


@pytest.mark.parametrize(
    ("command", "path"),
    [("message.create", "/sessions/{}/messages"), ("generation.create", "/sessions/{}/generations")],
)
async def test_the_same_over_http(product, ada, command, path):
    session = await ada.buys("flash")
    before = await stored(ada, session)
    for name, body, field in cases():
        if name != command:
            continue
        status, answer = await post(ada, path.format(session["id"]), json.dumps(body))
        assert names(answer["error"], field), (body, answer)
        assert status == STATUS[answer["error"]["code"]], (body, answer)
    assert await stored(ada, session) == before


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"hello"',
        "null",
        '{"client_id": "c", "text": NaN}',
        '{"client_id": "c", "text": "a"} trailing',
        "[" * 5000,
        '{"client_id": "c", "text": "a\\ud800"}',
        "\ufeff{}",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused_and_named(product, ada, text):
    session = await ada.buys()
    status, answer = await post(ada, f"/sessions/{session['id']}/messages", text)
    assert status in {400, 422}
    assert answer["error"]["code"] in {"malformed", "invalid"}


@pytest.mark.parametrize("text", ["{", "[]", '"hello"', "null", "", "\ufeff{}"])
async def test_a_frame_that_is_no_object_closes_with_bad_frame(product, ada, text):
    chat = await ada.joins(await ada.buys())
    await chat.send_raw(text)
    assert await chat.is_closed() == 4400
    await chat.leaves()


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "message.create", "ref": "r", "client_id": "c", "text": NaN}',
        '{"type": "message.create", "ref": "r", "client_id": "c", "client_id": "d", "text": "a"}',
        '{"type": "message.create", "ref": "r", "client_id": "c", "text": ' + "[" * 200 + "]" * 200 + "}",
        '{"type": "no.such.thing", "ref": "r"}',
        '{"type": "ping", "ref": "r", "extra": 1}',
    ],
)
async def test_an_odd_command_is_answered_or_closed_and_stores_nothing(product, ada, text):
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.send_raw(text)
    await chat.hears(lambda event: event["type"] == "reply" and event["ref"] == "r" and not event["ok"])
    await chat.asks("ping")
    assert (await stored(ada, session))[0] == 0
    await chat.leaves()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {"email": "no-address", "name": "A", "password": "long enough"}),
        ("/users", {"email": "a@example.org", "name": "", "password": "long enough"}),
        ("/users", {"email": "a@example.org", "name": "A", "password": "short"}),
        ("/users", {"email": "a@example.org", "name": "A", "password": "password123"}),
        ("/users", {"email": "a@example.org", "name": "A\u202e", "password": "long enough words"}),
        ("/users", {"email": "a@example.org"}),
        ("/tokens", {"email": "a@example.org", "password": 7}),
        ("/sessions", {"plan_id": "platinum"}),
        ("/sessions", {"plan_id": "flash", "title": "x" * 200}),
        ("/sessions", {}),
    ],
)
async def test_accounts_and_sessions_name_the_field_that_is_wrong(ada, path, body):
    status, answer = await post(ada, path, json.dumps(body))
    assert status == 422
    assert answer["error"]["code"] == "invalid"
    assert answer["error"]["message"]


async def test_a_huge_body_is_too_large_and_a_wrong_id_is_nothing(ada):
    session = await ada.buys()
    status, answer = await post(ada, f"/sessions/{session['id']}/messages", json.dumps({"text": "x" * 600_000}))
    assert (status, answer["error"]["code"]) == (413, "too-large")
    for path in ("/sessions/nonsense/messages", f"/sessions/{ID}/messages", "/sessions/%00/messages"):
        status, answer = await post(ada, path, '{"client_id": "c", "text": "a"}')
        assert (status, answer["error"]["code"]) == (404, "not-found")


async def test_a_refusal_says_little_of_what_was_sent(ada):
    for body, field in ((f'{{"{"x" * 100_000}": 1}}', "x" * 199), (f'{{"kind": "{"x" * 100_000}"}}', "kind")):
        status, answer = await post(ada, f"/sessions/{ID}/generations", body)
        assert (status, answer["error"]["details"]["field"][:199]) == (422, field)
        assert len(json.dumps(answer)) < 2000
