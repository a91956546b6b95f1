"""A part of a picture is changed, over every entrance: beyond it all stays, to the pixel, and a restart forgets nothing."""

import asyncio
import json
import uuid

import numpy as np
import pytest

from tests.imaging import samples
from tests.support import ports
from tests.support import product as products
from tests.support.masks import changed, encoded, mask
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up

# Left, top, right and bottom of the part, of the mask and of the picture of 256 × 192.
PART, OF_PICTURE = (16, 12, 47, 35), (slice(48, 144), slice(64, 192))
MASK = encoded(mask((64, 48), PART))


async def bytes_of(person, generation):
    status, _, data = await person.fetch(generation["assets"][0]["url"])
    assert status == 200
    return data


async def made(chat, **fields):
    [generation] = (await chat.sees_ended(await chat.generates("a lighthouse at night", **fields)))["generations"]
    assert generation["status"] == "done", generation
    return generation


def is_changed_in_the_part_only(one, other):
    differs = changed(one, other)
    inside = np.zeros_like(differs)
    inside[OF_PICTURE] = True
    assert not differs[~inside].any()
    # The painter may by chance give a pixel its old colour, and the edge is soft.
    assert differs[inside].mean() > 0.5


@pytest.mark.parametrize("change", ["edit", "variation"])
async def test_the_built_in_painter_changes_what_is_marked_and_nothing_else(product, ada, change):
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    source = await made(chat, width=256, height=192)
    before = await bytes_of(ada, source)
    wish = {"source_asset_id": source["assets"][0]["id"], "change": change, "mask": MASK}
    left = (await ada.credits(session))["image"]["left"]
    part = await made(chat, **wish)
    assert (part["masked"], part["change"], part["width"], part["height"]) == (True, change, 256, 192)
    assert (await ada.credits(session))["image"]["left"] == left - 1
    is_changed_in_the_part_only(before, await bytes_of(ada, part))
    # Another version, too, and it is another one.
    answer = await ada.call("POST", f"/generations/{part['id']}/retry?client_id=again")
    new = answer["generation"]["id"]
    await chat.sees(lambda message: any(each["id"] == new for each in message["generations"]))
    again = (await chat.sees_ended({"id": part["message_id"]}))["generations"][1]
    assert (again["id"], again["masked"], again["status"]) == (new, True, "done")
    is_changed_in_the_part_only(before, await bytes_of(ada, again))
    assert changed(await bytes_of(ada, part), await bytes_of(ada, again)).any()
    # Who asks how it was made is told the part.
    details = await ada.call("GET", f"/assets/{again['assets'][0]['id']}")
    assert details["mask"] and details["generation"]["masked"] and details["source"]["id"] == wish["source_asset_id"]
    await chat.leaves()


async def test_a_picture_that_somebody_brought_keeps_its_size_and_all_else(product, ada, database):
    session = await ada.buys("flash-lite")
    photo = samples.noise("PNG", (1501, 1001))
    asset = (await ada.uploads(session, photo))["asset"]
    chat = await ada.joins(session)
    part = await made(chat, source_asset_id=asset["id"], change="edit", mask=encoded(mask((64, 64), (0, 0, 31, 63))))
    assert (part["width"], part["height"]) == (1501, 1001)
    differs = changed((await ada.fetch(asset["url"]))[2], await bytes_of(ada, part))
    assert not differs[:, 760:].any()
    assert differs[:, :700].mean() > 0.9
    # What the provider was asked for, and is paid for, is as large as the plan allows.
    statement = "SELECT width, height FROM generation_attempts WHERE generation_id = $1"
    assert [tuple(row) for row in await run_sql(database, statement, part["id"])] == [(512, 344)]
    await chat.leaves()


async def test_over_http_and_the_socket_it_is_made_once_and_refused_in_words(product, ada, bob):
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    source = (await made(chat, width=64, height=64))["assets"][0]["id"]
    body = {
        "client_id": str(uuid.uuid4()),
        "kind": "image",
        "prompt": "a boat",
        "source_asset_id": source,
        "mask": MASK,
    }
    path = f"/sessions/{session['id']}/generations"
    answers = await asyncio.gather(*(ada.call("POST", path, body) for _ in range(3)))
    assert {answer["message"]["id"] for answer in answers} == {answers[0]["message"]["id"]}
    assert (await chat.asks("generation.create", **body))["message"]["id"] == answers[0]["message"]["id"]
    before = (await ada.credits(session))["image"]["left"]

    async def refused(person=ada, **fields):
        wish = {name: value for name, value in {**body, **fields}.items() if value is not None}
        with pytest.raises(Refusal) as over_http:
            await person.call("POST", path, wish)
        if person is ada:
            with pytest.raises(Refusal) as over_the_socket:
                await chat.asks("generation.create", **wish)
            assert over_the_socket.value.error == over_http.value.error
        details = over_http.value.error.get("details", {})
        return over_http.value.status, details.get("field"), details.get("why")

    new = {"client_id": "another"}
    assert (await refused(mask=encoded(mask())))[0] == 409
    assert await refused(**new, mask=encoded(mask(box=None))) == (422, "mask", "marks nothing")
    assert await refused(**new, mask=encoded(samples.picture("JPEG"))) == (422, "mask", "is no PNG")
    assert await refused(**new, mask=encoded(samples.bomb(4000, 4000)[:24_000])) == (422, "mask", "is not a whole PNG")
    assert await refused(**new, mask=encoded(samples.lying_png(30_000, 30_000))) == (
        422,
        "mask",
        "has more than 1024 pixels a side",
    )
    assert (await refused(**new, mask=encoded(bytes(33_000))))[:2] == (422, "mask")
    assert (await refused(**new, source_asset_id=None))[:2] == (422, "mask")
    assert (await refused(**new, kind="video"))[:2] == (422, "source_asset_id")
    assert (await refused(**new, width=64, height=64))[:2] == (422, "width")
    assert (await refused(person=bob, **new))[0] == 404
    assert (await ada.credits(session))["image"]["left"] == before
    await chat.leaves()


async def test_the_largest_mask_with_the_longest_words_fits_into_one_command(product, ada):
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    source = (await made(chat, width=64, height=64))["assets"][0]["id"]
    noise = samples.encoded(samples.Image.effect_noise((176, 176), 90).convert("L"), "PNG")
    assert 28_000 < len(noise) < 32 * 1024
    words = "🛶" * 2000
    wish = {"client_id": "1", "kind": "image", "prompt": words, "negative_prompt": words, "source_asset_id": source}
    command = {"type": "generation.create", "ref": "r", **wish, "mask": encoded(noise)}
    # As browsers write it, without escapes.
    await chat.send_raw(json.dumps(command, ensure_ascii=False))
    reply = await chat.hears(lambda event: event["type"] == "reply" and event["ref"] == "r")
    assert reply["result"]["message"]["generations"][0]["masked"]
    await chat.leaves()


async def test_a_server_that_is_killed_in_the_middle_goes_on_with_the_same_part(own_database_url, tmp_path):
    settings = {"DATABASE_URL": own_database_url, "SKETCH_PACE": "4"}
    async with products.running(tmp_path, port=ports.reserve(), **settings) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("pro")
        chat = await ada.joins(session)
        source = await made(chat, width=256, height=192)
        before = await bytes_of(ada, source)
        message = await chat.generates("fog", source_asset_id=source["assets"][0]["id"], change="edit", mask=MASK)
        await chat.hears(
            lambda event: (
                event["type"] == "progress" and event["message_id"] == message["id"] and event["status"] == "rendering"
            )
        )
        await product.kill()
        await chat.leaves()
        await product.start_again()
        chat = await ada.joins(session)
        [part] = (await chat.sees_ended(message))["generations"]
        assert part["status"] == "done"
        is_changed_in_the_part_only(before, await bytes_of(ada, part))
        await chat.leaves()
