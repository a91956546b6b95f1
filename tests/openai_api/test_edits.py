"""OpenAI's image edits, asked by its official client: a picture that comes with the request is changed, or a part of it."""

import asyncio
import base64

import pytest
from PIL import Image, ImageDraw

from tests.imaging import samples
from tests.openai_api.test_images import (
    a_line_that_loses_the_first_answer,
    ada,
    left,
    official,
    product,
    size_of,
)
from tests.support.masks import Box, changed
from tests.support.people import run_sql
from tests.support.story import sign_up

__all__ = ["ada", "product"]

PICTURE = samples.noise("PNG", (96, 64))


def a_mask(size: tuple[int, int] = (96, 64), box: Box | None = (32, 16, 63, 47), mode: str = "RGBA") -> bytes:
    """A PNG with a transparent rectangle: left, top, right and bottom, all within it."""
    image = Image.new("RGBA", size, "white")
    if box is not None:
        ImageDraw.Draw(image).rectangle(box, fill=(0, 0, 0, 0))
    return samples.encoded(image.convert(mode), "PNG")


async def uploads_of(database, session) -> int:
    """How many uploads a session has, with those that nobody sees."""
    counted = "SELECT count(*) FROM assets WHERE session_id = $1 AND origin = 'upload' AND status <> 'deleted'"
    return (await run_sql(database, counted, session["id"]))[0][0]


async def messages_of(person, session):
    return (await person.call("GET", f"/sessions/{session['id']}/messages"))["messages"]


async def test_a_part_is_changed_and_all_else_stays_to_the_pixel(ada, database) -> None:
    session = await ada.buys("flash")
    client = official(ada)
    edited = await client.images.edit(image=PICTURE, mask=a_mask(), prompt="make it night", size="96x64")
    differs = changed(base64.b64decode(edited.data[0].b64_json), PICTURE)
    assert differs[18:46, 34:62].mean() > 0.7
    differs[16:48, 32:64] = False
    assert (differs.any(), edited.size) == (False, "96x64")
    # The whole of it, in its own shape; the same bytes are kept once.
    night = await client.images.edit(image=[("boat.png", PICTURE)], prompt="make it night", n=2, quality="high")
    assert [size_of(each.b64_json) for each in night.data] == [(96, 64)] * 2
    day = await client.images.edit(image=PICTURE, prompt="make it day", size="128x128", response_format="url")
    assert (day.size, day.data[0].b64_json) == ("128x128", None)
    [upload] = (await ada.call("GET", f"/uploads?session_id={session['id']}"))["uploads"]
    made = [each for message in await messages_of(ada, session) for each in message["generations"]]
    assert {(each["change"], each["source_asset_id"]) for each in made} == {("edit", upload["id"])}
    assert [each["masked"] for each in made] == [True, False, False, False]
    assert await left(ada, session) == 4
    await client.close()


async def test_an_edit_that_is_sent_again_after_a_lost_answer_is_the_same_picture_for_one_credit(
    ada, product, database
) -> None:
    session = await ada.buys("flash")
    async with a_line_that_loses_the_first_answer(product) as address:
        client = official(ada, address, max_retries=2)
        answer = await client.images.edit(image=PICTURE, mask=a_mask(), prompt="make it night")
        assert size_of(answer.data[0].b64_json) == (96, 64)
        assert [each["id"] for each in await messages_of(ada, session)] == [answer.message_id]
        # Asked for anew, and not sent again, it is another one; and so is another picture that is sent again.
        other = await client.images.edit(image=PICTURE, mask=a_mask(), prompt="make it night")
        sent_again = {"x-stainless-retry-count": "1"}
        picture = samples.noise("PNG", (64, 64))
        third = await client.images.edit(image=picture, prompt="make it night", extra_headers=sent_again)
        assert len({answer.message_id, other.message_id, third.message_id}) == 3
        await client.close()
    assert (await left(ada, session), await uploads_of(database, session)) == (5, 2)


async def test_one_key_is_one_edit_also_for_twins_and_after_the_end_of_the_session(ada, database) -> None:
    from openai import ConflictError

    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "edit 17"})
    asked = {"image": PICTURE, "mask": a_mask(), "prompt": "make it night"}
    twins = await asyncio.gather(*(client.images.edit(**asked) for _ in range(3)))
    assert len({each.message_id for each in twins}) == 1
    others = [
        {"prompt": "make it winter"},
        {"image": samples.encoded(Image.new("RGB", (96, 64), "teal"), "PNG")},
        {"mask": a_mask(box=(0, 0, 9, 9))},
    ]
    for other in others:
        with pytest.raises(ConflictError) as refused:
            await client.images.edit(**{**asked, **other})
        assert (refused.value.code, refused.value.type) == ("conflict", "invalid_request_error")
    with pytest.raises(ConflictError):
        await client.images.generate(prompt="make it night")
    made = await official(ada, default_headers={"Idempotency-Key": "picture 17"}).images.generate(
        prompt="a", size="64x64"
    )
    await run_sql(database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session["id"])
    assert (await client.images.edit(**asked)).message_id == twins[0].message_id
    again = official(ada, default_headers={"Idempotency-Key": "picture 17"})
    assert (await again.images.generate(prompt="a", size="64x64")).message_id == made.message_id
    assert (await left(ada, session), await uploads_of(database, session)) == (6, 1)


REFUSED = {
    "a mask that is no PNG": ({"mask": samples.picture("JPEG", (96, 64))}, "mask", "is no PNG"),
    "a mask that is cut": ({"mask": a_mask()[:-20]}, "mask", "is not a whole PNG"),
    "a mask of another size": ({"mask": a_mask((48, 32))}, "mask", "has 48 × 32 pixels, and the picture 96 × 64"),
    "a mask without transparency": ({"mask": a_mask(mode="RGB")}, "mask", "has no transparent part"),
    "a mask that marks nothing": ({"mask": a_mask(box=None)}, "mask", "marks nothing"),
    "another size than its picture's": ({"mask": a_mask(), "size": "64x64"}, "size", 'must be "auto", or 96x64'),
    "a picture of another kind": ({"image": samples.picture("GIF")}, "image", "It is a GIF picture"),
    "a broken picture": ({"image": PICTURE[:-30]}, "image", "It is cut"),
    "an empty picture": ({"image": b""}, "image", "There is no picture in it"),
    "two pictures": ({"image": [PICTURE, PICTURE]}, "image", "must be one picture"),
    "a picture in words": ({"image": None, "extra_body": {"image": "a boat"}}, "image", "must be a file"),
    "a markup": ({"markup": PICTURE}, "markup", "is no file that is taken here"),
    "a field that is no number": ({"extra_body": {"seed": "many"}}, "seed", "Expected"),
    "an unknown field": ({"extra_body": {"colour": "red"}}, "colour", "unknown field"),
    "a format that is not made": ({"output_format": "svg"}, "output_format", "Invalid enum value"),
    "SVG": ({"extra_body": {"svg": {"model": "x"}}}, "svg[model]", "unknown field"),
    "a prompt that cannot be stored": ({"prompt": "a\0b"}, "prompt", "must not contain the character NUL"),
    "a number without end": ({"extra_body": {"seed": "9" * 400}}, "seed", "must be a number of at most 64 bits"),
    "a prompt of a megabyte": ({"prompt": "x" * 1_000_000}, "prompt", "must be at most 2,000 characters long"),
    "a prompt without words": ({"prompt": " "}, "prompt", "must not be empty"),
}


async def test_what_is_refused_says_why_leaves_nothing_and_its_key_is_free(ada, product, database) -> None:
    from openai import APIStatusError, NotFoundError

    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "edit 18"})
    asked = {"image": PICTURE, "prompt": "make it night"}
    for case, (fields, param, words) in REFUSED.items():
        sent = {name: value for name, value in {**asked, **fields}.items() if value is not None}
        if "image" not in sent:
            sent["image"] = []
        with pytest.raises(APIStatusError, match=words) as refused:
            await client.images.edit(**sent)
        error = refused.value
        assert (error.status_code, error.type, error.param, error.code) == (
            400,
            "invalid_request_error",
            param,
            "invalid",
        ), case
    for name, data in (("image", bytes(11_000_000)), ("mask", bytes(4_300_000))):
        with pytest.raises(APIStatusError, match=f"{name} must be at most") as refused:
            await client.images.edit(**{**asked, name: data})
        assert (refused.value.status_code, refused.value.param) == (413, name)
    bob = official(await sign_up(product, "Bob"), project=session["id"])
    with pytest.raises(NotFoundError):
        await bob.images.edit(**asked)
    assert (await left(ada, session), await uploads_of(database, session)) == (8, 0)
    assert (await client.images.edit(**asked)).session_id == session["id"]


async def test_without_credits_or_beyond_what_may_be_uploaded_an_edit_leaves_no_file(ada, database) -> None:
    from openai import PermissionDeniedError, RateLimitError

    session = await ada.buys("flash-lite")
    client = official(ada, default_headers={"Idempotency-Key": "edit 19"})
    for kind in ("uploads", "pictures"):
        counted = "INSERT INTO budgets SELECT $1, $2, array_fill(now(), ARRAY[10000])"
        await run_sql(database, counted, ada.id, kind)
        with pytest.raises(RateLimitError) as refused:
            await client.images.edit(image=PICTURE, prompt="make it night")
        assert (refused.value.type, refused.value.code) == ("rate_limit_error", "rate-limited")
        await run_sql(database, "DELETE FROM budgets WHERE user_id = $1", ada.id)
    await run_sql(database, "UPDATE session_config SET max_uploads = 0 WHERE id = 'flash-lite'")
    with pytest.raises(PermissionDeniedError, match="takes no uploads"):
        await client.images.edit(image=PICTURE, prompt="make it night")
    await run_sql(database, "UPDATE session_config SET max_uploads = 10 WHERE id = 'flash-lite'")
    await run_sql(
        database, "UPDATE credits SET available_at = now() + interval '1 hour' WHERE session_id = $1", session["id"]
    )
    with pytest.raises(RateLimitError) as refused:
        await client.images.edit(image=PICTURE, prompt="make it night")
    assert (refused.value.type, refused.value.code) == ("insufficient_quota", "credits-exhausted")
    assert await uploads_of(database, session) == 0
    await run_sql(database, "UPDATE credits SET available_at = now() WHERE session_id = $1", session["id"])
    assert (await client.images.edit(image=PICTURE, prompt="make it night")).session_id == session["id"]


async def test_an_edit_that_fails_says_why_and_its_credit_is_back(ada) -> None:
    from openai import InternalServerError

    session = await ada.buys("flash")
    client = official(ada, max_retries=2)
    with pytest.raises(InternalServerError) as error:
        await client.images.edit(image=PICTURE, mask=a_mask(), prompt="something impossible")
    assert (error.value.code, error.value.type) == ("nothing-made", "server_error")
    assert error.value.body["details"]["credit_returned"] is True
    assert (await left(ada, session), len(await messages_of(ada, session))) == (8, 1)


async def test_a_process_that_dies_before_the_change_is_asked_for_goes_on_when_it_is_sent_again(ada, database) -> None:
    """What was stored and not shown is found again by its key."""
    session = await ada.buys("flash")
    client = official(ada, default_headers={"Idempotency-Key": "edit 20"})
    made = await client.images.edit(image=PICTURE, prompt="make it night")
    # As it was before the one commit that shows the picture and asks for its change.
    await run_sql(
        database, "UPDATE assets SET status = 'staged' WHERE session_id = $1 AND origin = 'upload'", session["id"]
    )
    await run_sql(database, "UPDATE messages SET client_id = 'another' WHERE id = $1", made.message_id)
    again = await client.images.edit(image=PICTURE, prompt="make it night")
    assert again.message_id != made.message_id
    assert await uploads_of(database, session) == 1
