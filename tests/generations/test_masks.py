"""A part of a picture is changed: what is asked for, kept and made again, on a real Postgres under each one's own rights."""

import json

import asyncpg
import pytest
from msgspec import UNSET

from chatserver.errors import Conflict, Invalid, NotAllowed, NotFound
from chatserver.generations import creation, deletion, masks, sources, versions
from chatserver.generations import service as generations
from chatserver.generations.requests import MASK_BYTES, CreateGeneration, EnlargeGeneration, size_of_shape
from chatserver.imaging.processor import ImageProcessor
from chatserver.privacy.export import export_account
from chatserver.users.idempotency import digest
from tests.generations.test_service import (
    CHOICES,
    REDRAWN,
    ada,
    bob,
    bring_to,
    cancel,
    done_asset,
    left,
    request,
    retry,
)
from tests.support.masks import encoded, mask
from tests.support.people import make_session, make_user, run_sql, run_sql_as

__all__ = ["ada", "bob"]

MASK = encoded(mask())
UNSIZED = {"width": UNSET, "height": UNSET}


@pytest.fixture(scope="module")
async def pictures():
    processor = ImageProcessor(size=1)
    yield processor
    await processor.close()


@pytest.fixture
def ask(database, pictures):
    """Asks for a part of a picture, as the entrances do."""

    async def asking(user, session, source, choices=CHOICES, **fields):
        asked = request(**{**UNSIZED, "source_asset_id": source, "mask": MASK, **fields})
        kept = await masks.verified(database, pictures, user, session, asked)
        return await creation.create(database, user, session, asked, choices, kept)

    return asking


@pytest.fixture
async def session(database, ada):
    return await make_session(database, ada, "pro")


@pytest.fixture
async def source(database, ada, session):
    return await done_asset(database, ada, session)


async def masks_in(database, session):
    statement = "SELECT 1 FROM generation_masks m JOIN generations g ON g.id = m.generation_id WHERE g.session_id = $1"
    return len(await run_sql(database, statement, session))


async def kept_mask(database, user, generation):
    return await database.run_as(user, masks.find, generation.id)


async def test_the_mask_is_kept_with_every_picture_that_is_asked_for(database, ada, session, source, ask):
    before = await left(database, ada, session)
    message = await ask(ada, session, source, count=3, change="edit")
    kept = {await kept_mask(database, ada, each) for each in message.generations}
    assert len(kept) == 1 and kept.pop().startswith(b"\x89PNG")
    assert [(each.masked, each.change, each.source_asset_id) for each in message.generations] == [
        (True, "edit", source)
    ] * 3
    assert await left(database, ada, session) == before - 3


async def test_its_size_is_that_of_the_picture_as_far_as_the_plan_allows(database, ada, session, source, ask):
    async def size_for(width, height):
        await run_sql(database, "UPDATE assets SET width = $1, height = $2 WHERE id = $3", width, height, source)
        [made] = (await ask(ada, session, source)).generations
        await cancel(database, ada, made)
        return made.width, made.height

    assert await size_for(500, 333) == (496, 336)
    assert await size_for(2048, 1024) == (size_of_shape(2048, 1024, 1024))
    assert await size_for(2000, 9) == (1024, 64)
    assert await size_for(8, 8) == (64, 64)


@pytest.mark.parametrize(
    ("field", "wish", "why"),
    [
        ("mask", {"source_asset_id": None}, "needs the picture"),
        ("source_asset_id", {"kind": "video"}, "into a picture only"),
        ("mask", {"mask": "not base64!"}, "must be base64"),
        ("mask", {"mask": "ümlaut"}, "must be base64"),
        ("mask", {"mask": encoded(b"GIF89a")}, "is no PNG"),
        ("mask", {"mask": encoded(mask(box=None))}, "marks nothing"),
        ("mask", {"mask": encoded(mask((2000, 8)))}, "more than 1024 pixels"),
        ("mask", {"mask": encoded(bytes(MASK_BYTES + 1))}, "at most 32 KiB"),
        ("width", {"width": 512}, "is that of the picture"),
        ("height", {"height": 512}, "is that of the picture"),
    ],
)
async def test_what_is_wrong_with_it_is_said_and_costs_nothing(database, ada, session, source, ask, field, wish, why):
    before = await left(database, ada, session)
    with pytest.raises(Invalid, match=why) as refused:
        await ask(ada, session, source, **wish)
    assert refused.value.details["field"] == field
    assert await left(database, ada, session) == before
    assert await masks_in(database, session) == 0


async def test_strangers_are_told_of_no_session_before_their_mask_is_looked_at(database, bob, session, source, ask):
    for sent in (MASK, "not base64!"):
        with pytest.raises(NotFound):
            await ask(bob, session, source, mask=sent)


async def test_a_repeated_request_is_the_same_and_one_with_another_mask_is_refused(ada, session, source, ask):
    first = await ask(ada, session, source, client_id="once")
    assert (await ask(ada, session, source, client_id="once")).id == first.id
    for fields in ({"mask": encoded(mask(box=(0, 0, 5, 5)))}, {"mask": UNSET}):
        with pytest.raises(Conflict):
            await ask(ada, session, source, client_id="once", **fields)


async def test_a_request_without_a_mask_is_told_apart_as_by_the_version_before():
    """Otherwise one that is sent again across an update would be another."""
    asked = CreateGeneration(client_id="c", kind="image", prompt="a boat")
    assert digest(asked).hex() == "ea311ca65609c10c8d7b2e477b4a4e2153ae72fdff32bf1be6b9a6de549a1391"


@pytest.mark.parametrize("status", ["failed", "done"])
async def test_another_version_changes_the_same_part(database, ada, session, source, ask, status):
    [made] = (await ask(ada, session, source)).generations
    await bring_to(database, made, status)
    # What a provider made of it, and what a picture of another plan was.
    await run_sql(database, "UPDATE generations SET width = 2048, height = 2048 WHERE id = $1", made.id)
    again = await retry(database, ada, made)
    assert (again.masked, again.width, again.height) == (True, 64, 64)
    assert await kept_mask(database, ada, again) == await kept_mask(database, ada, made)
    assert (again.seed == made.seed) == (status == "failed")


async def test_a_larger_version_is_enlarged_from_the_whole_picture(database, ada, session, source, ask):
    [made] = (await ask(ada, session, source, choices=REDRAWN)).generations
    await bring_to(database, made, "done")
    wish = EnlargeGeneration(generation_id=made.id, side=128)
    # Drawn again, it would be the provider's picture and not the source with a part of it.
    large = await database.run_as(ada, versions.enlarge, wish, REDRAWN)
    assert (large.enlargement, large.masked, large.change) == ("enlarged", False, "variation")
    assert await kept_mask(database, ada, large) is None
    await cancel(database, ada, large)
    with pytest.raises(NotAllowed):
        await database.run_as(ada, versions.enlarge, wish, {"redraw": CHOICES["image"]})


async def test_who_sees_the_picture_sees_its_mask_until_it_is_hidden(database, ada, bob, ask):
    session = await make_session(database, ada, "pro", guests=(bob,))
    eve = await make_user(database, "Eve")
    source = await done_asset(database, ada, session)
    [made] = (await ask(ada, session, source)).generations
    await bring_to(database, made, "done")
    asset = (await database.run_as(ada, generations.find, made.id)).assets[0].id
    kept = await kept_mask(database, ada, made)
    for user in (ada, bob):
        assert (await database.run_as(user, sources.details, asset)).mask == encoded(kept)
    assert (await database.run_as(ada, sources.details, source)).mask is None
    assert await kept_mask(database, eve, made) is None
    await run_sql(database, "UPDATE generations SET withheld = 'rude' WHERE id = $1", made.id)
    assert await kept_mask(database, ada, made) is None


async def test_nobody_adds_a_mask_to_what_another_asked_for_nor_changes_one(database, ada, bob, ask):
    session = await make_session(database, ada, "pro", guests=(bob,), guests_may_generate=True)
    source = await done_asset(database, ada, session)
    [made] = (await ask(ada, session, source)).generations
    await run_sql(database, "DELETE FROM generation_masks WHERE generation_id = $1", made.id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.run_as(bob, masks.keep, [made.id], mask())
    await database.run_as(ada, masks.keep, [made.id], mask())

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_sql_as(database, ada, "UPDATE generation_masks SET mask = mask")


async def test_it_goes_with_its_picture_and_is_exported_until_then(database, ada, session, source, ask):
    message = await ask(ada, session, source)
    document = json.loads(b"".join([piece async for piece in await export_account(database, ada)]))
    [exported] = [each["mask"] for each in document["generations"] if each["mask"]]
    assert exported == encoded(await kept_mask(database, ada, message.generations[0]))
    await database.run_system(deletion.delete_message, ada, message.id)
    assert await masks_in(database, session) == 0
