"""OpenAI's images API, asked by its official client: pictures in a session, paid once however often they are asked for."""

import asyncio
import base64
import contextlib
import io
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
from PIL import Image

from chatserver.openai_api.requests import CreateImages, EditImages
from tests.imaging import samples
from tests.support import ports
from tests.support import product as products
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    settings = {"DATABASE_URL": database_url, "SKETCH_FAIL": "impossible"}
    async with products.running(tmp_path_factory.mktemp("openai"), **settings) as running:
        yield running


@pytest.fixture
async def ada(product):
    return await sign_up(product, "Ada")


def official(person, address: str = "", **settings):
    """The official client, as somebody with an API token opens it."""
    from openai import AsyncOpenAI  # a second of a processor, which no worker that only collects this has to spend

    base = f"{address or person.product.url}/api/v1"
    return AsyncOpenAI(base_url=base, api_key=person.token, **{"max_retries": 0, **settings})


async def left(person, session) -> int:
    balance = (await person.credits(session))["image"]
    assert balance["held"] == 0
    return balance["left"]


def size_of(encoded: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        assert image.format == "PNG"
        return image.size


async def test_a_picture_comes_as_an_address_and_in_base64_and_is_in_the_session_for_everyone(ada) -> None:
    session = await ada.buys("flash")
    client = official(ada)
    [model] = (await client.models.list()).data
    assert (await client.models.retrieve(model.id)).owned_by == "sketch"
    answer = await client.images.generate(prompt="a lighthouse", model=model.id, size="64x128", n=2)
    assert [size_of(each.b64_json) for each in answer.data] == [(64, 128)] * 2
    assert answer.size == "64x128"
    async with aiohttp.ClientSession() as stranger, stranger.get(answer.data[0].url) as opened:
        assert await opened.read() == base64.b64decode(answer.data[0].b64_json)
    messages = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
    assert [(each["id"], each["text"], len(each["generations"])) for each in messages] == [
        (answer.message_id, "a lighthouse", 2)
    ]
    assert await left(ada, session) == 6
    only = await client.images.generate(prompt="a hill", size="64x64", response_format="url")
    assert only.data[0].b64_json is None
    await client.close()


@pytest.mark.parametrize("wanted", ["jpeg", "webp"])
async def test_a_picture_comes_in_the_format_that_is_asked_for(ada, wanted) -> None:
    await ada.buys("flash")
    client = official(ada)
    answer = await client.images.generate(prompt="a lighthouse", size="64x64", output_format=wanted)
    made = base64.b64decode(answer.data[0].b64_json)
    assert (answer.output_format, Image.open(io.BytesIO(made)).format) == (wanted, wanted.upper())
    async with aiohttp.ClientSession() as stranger, stranger.get(answer.data[0].url) as opened:
        assert (opened.content_type, await opened.read()) == (f"image/{wanted}", made)
    await client.close()


async def test_the_project_names_the_session_and_without_it_the_newest_with_time_left_pays(ada, product) -> None:
    from openai import ConflictError, NotFoundError

    client = official(ada)
    with pytest.raises(ConflictError, match="no session with time left"):
        await client.images.generate(prompt="a hill")
    first, second = await ada.buys("flash"), await ada.buys("flash")
    newest = await client.images.generate(prompt="a hill", size="64x64")
    named = await client.with_options(project=first["id"]).images.generate(prompt="a hill", size="64x64")
    assert (newest.session_id, named.session_id) == (second["id"], first["id"])
    # What was lost on its way to one session is not answered with the same of another.
    repeated = {"OpenAI-Project": first["id"], "x-stainless-retry-count": "1"}
    again = await client.images.generate(prompt="a hill", size="64x64", extra_headers=repeated)
    assert again.message_id == named.message_id
    other = await client.with_options(project=second["id"]).images.generate(
        prompt="a hill", size="64x64", extra_headers={"x-stainless-retry-count": "1"}
    )
    assert (other.session_id, other.message_id != newest.message_id) == (second["id"], True)
    bob = official(await sign_up(product, "Bob"), project=first["id"])
    with pytest.raises(NotFoundError):
        await bob.images.generate(prompt="a hill")


@contextlib.asynccontextmanager
async def a_line_that_loses_the_first_answer(product) -> AsyncIterator[str]:
    """The address of a relay to the product, which closes the first connection instead of handing on its answer."""
    asked = 0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        is_first = asked == 1
        answers, requests = await asyncio.open_connection("127.0.0.1", product.port)
        forward = asyncio.create_task(copy(reader, requests))
        if is_first:
            await answers.read(1)
        else:
            await copy(answers, writer)
        forward.cancel()
        for each in (writer, requests):
            each.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_what_the_client_sends_again_after_a_lost_answer_is_the_same_picture_for_one_credit(ada, product) -> None:
    session = await ada.buys("flash")
    async with a_line_that_loses_the_first_answer(product) as address:
        client = official(ada, address, max_retries=2)
        answer = await client.images.generate(prompt="a tower", size="64x64")
        assert size_of(answer.data[0].b64_json) == (64, 64)
        assert await left(ada, session) == 7
        # Asked for anew, and not sent again, it is another one.
        other = await client.images.generate(prompt="a tower", size="64x64")
        assert other.message_id != answer.message_id
        await client.close()
    assert await left(ada, session) == 6


async def test_a_server_that_starts_again_in_between_hands_over_the_same_pictures(own_database_url, tmp_path) -> None:
    port = ports.reserve()
    slow = {"DATABASE_URL": own_database_url, "SKETCH_PACE": "3"}
    async with products.running(tmp_path, port=port, **slow) as before:
        ada = await sign_up(before, "Ada")
        session = await ada.buys("flash")
        client = official(ada, max_retries=20)
        asked = asyncio.gather(
            client.images.generate(prompt="a mill", size="64x64"),
            client.images.edit(image=samples.noise("PNG", (64, 64)), prompt="make it night"),
        )
        await until_made(ada, session, 2)
        before.process.send_signal(signal.SIGTERM)
        assert await before.process.wait() == 0
        assert '"status": 503' in before.output()
    async with products.running(tmp_path, port=port, **slow):
        assert [size_of(each.data[0].b64_json) for each in await asked] == [(64, 64)] * 2
        assert await left(ada, session) == 6
        assert len((await ada.call("GET", f"/uploads?session_id={session['id']}"))["uploads"]) == 1


async def until_made(person, session, count: int) -> None:
    """Waits until the session has so many messages."""
    async with asyncio.timeout(30):
        while len((await person.call("GET", f"/sessions/{session['id']}/messages"))["messages"]) < count:
            await asyncio.sleep(0.05)


async def test_one_key_is_one_picture_also_where_two_ask_at_once_or_another_session_is_newer(ada) -> None:
    from openai import ConflictError

    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "order 17"})
    twins = await asyncio.gather(*(client.images.generate(prompt="a boat", size="64x64") for _ in range(3)))
    await ada.buys("flash")
    again = await client.images.generate(prompt="a boat", size="64x64")
    assert {each.message_id for each in (*twins, again)} == {again.message_id}
    assert await left(ada, session) == 7
    with pytest.raises(ConflictError):
        await client.images.generate(prompt="another boat", size="64x64")


async def test_what_was_deleted_or_cancelled_is_not_made_again_under_its_key(ada) -> None:
    from openai import InternalServerError, NotFoundError

    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "order 19"})
    made = await client.images.generate(prompt="a pier", size="64x64")
    [generation] = (await ada.call("GET", f"/messages/{made.message_id}"))["message"]["generations"]
    await ada.call("DELETE", f"/assets/{generation['assets'][0]['id']}")
    with pytest.raises((InternalServerError, NotFoundError)):
        await client.images.generate(prompt="a pier", size="64x64")
    assert await left(ada, session) == 7
    again = official(ada, default_headers={"Idempotency-Key": "order 20"})
    whole = await again.images.generate(prompt="a pier", size="64x64")
    await ada.call("DELETE", f"/messages/{whole.message_id}")
    for _ in range(2):
        with pytest.raises(NotFoundError):
            await again.images.generate(prompt="a pier", size="64x64")
    assert await left(ada, session) == 6


async def test_what_is_refused_says_why_and_leaves_its_key_free(ada) -> None:
    from openai import APIStatusError

    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "order 18"})
    refused = [
        ({"size": "big"}, 400, "invalid", "size must be like"),
        ({"size": "65x64"}, 400, "invalid", "multiple of 8"),
        ({"size": "8192x8192"}, 403, "plan-too-small", "pixels a side"),
        ({"n": 5}, 400, "invalid", "n must be 1 to 4"),
        ({"model": "dall-e-3"}, 404, "not-found", "It is"),
        ({"output_format": "gif"}, 400, "invalid", "output_format: Invalid enum value"),
        ({"output_compression": 50}, 400, "invalid", "must be 100"),
        ({"background": "transparent"}, 400, "invalid", "no transparent ones"),
        ({"stream": True}, 400, "invalid", "must be false"),
        ({"partial_images": 2}, 400, "invalid", "must be 0"),
        ({"frame_count": 4}, 400, "invalid", "is for GIFs"),
        ({"frame_duration_ms": 50}, 400, "invalid", "is for GIFs"),
        ({"svg": {"model": "x"}}, 400, "invalid", "is for SVG"),
        ({"quality": "best"}, 400, "invalid", "quality: Invalid enum value"),
        ({"extra_body": {"colour": "red"}}, 400, "invalid", "unknown field colour"),
    ]
    for fields, status, code, words in refused:
        with pytest.raises(APIStatusError, match=words) as error:
            await client.images.generate(**{"prompt": "a barn", "size": "64x64", **fields})
        assert (error.value.status_code, error.value.code) == (status, code)
        kinds = (
            "permission_error" if status == 403 else "invalid_request_error",
            next(iter(fields.get("extra_body", fields))),
        )
        assert (error.value.type, error.value.param) == kinds
    taken = {"output_format": "png", "output_compression": 100, "background": "opaque", "stream": False, "n": 1}
    hints = {"quality": "high", "style": "vivid", "moderation": "low", "user": "ada", "safety_identifier": "ada"}
    made = await client.images.generate(prompt="a barn", size="64x64", partial_images=0, **taken, **hints)
    assert made.session_id == session["id"]


def test_every_parameter_of_the_official_client_is_known_here() -> None:
    """What its next version adds is refused as unknown until it is looked at here."""
    from openai.types import image_edit_params, image_generate_params

    generated = image_generate_params.ImageGenerateParamsNonStreaming.__annotations__
    edited = image_edit_params.ImageEditParamsNonStreaming.__annotations__
    assert {*generated} <= {*CreateImages.__struct_fields__}
    # A file beside the picture, which is refused as one.
    assert {*edited} - {"markup"} <= {*EditImages.__struct_fields__}


async def test_who_is_not_known_is_told_so_in_the_words_of_the_api(product) -> None:
    from openai import AsyncOpenAI, AuthenticationError

    client = AsyncOpenAI(base_url=f"{product.url}/api/v1", api_key="cs_nobody", max_retries=0)
    with pytest.raises(AuthenticationError) as error:
        await client.models.list()
    assert (error.value.type, error.value.param, error.value.code) == ("authentication_error", None, "not-signed-in")


async def test_a_picture_that_fails_says_why_and_its_credit_is_back(ada) -> None:
    from openai import InternalServerError

    session = await ada.buys("flash")
    client = official(ada, max_retries=2)
    with pytest.raises(InternalServerError) as error:
        await client.images.generate(prompt="something impossible", size="64x64")
    assert error.value.code == "nothing-made"
    assert error.value.body["details"]["credit_returned"] is True
    assert await left(ada, session) == 8
    messages = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
    assert len(messages) == 1, "the client asked three times for the same"
