"""Styles as rows: what the operator adds is offered, sent and kept; on a real Postgres."""

import uuid

import pytest

from chatserver import messages, styles
from chatserver.errors import Invalid, NotFound
from chatserver.generations import creation
from chatserver.generations.models import ModelChoice
from chatserver.generations.requests import CreateGeneration
from chatserver.styles.models import Style
from chatserver.styles.service import check
from tests.support.people import make_session, make_user

CHOICES = {"image": ModelChoice("sketch", "Sketch")}
GOUACHE = Style(name="gouache", before="gouache painting of", after="matte colours", without="photograph")


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def ask(database, ada, **fields):
    session = await make_session(database, ada)
    wish = CreateGeneration(client_id=str(uuid.uuid4()), kind="image", prompt="a boat", width=64, height=64, **fields)
    message = await creation.create(database, ada, session, wish, CHOICES)
    return session, message.generations[0]


async def test_sixteen_come_with_the_product_each_with_words(database, ada):
    found = await database.run_as(ada, styles.list_styles)
    assert len({each.name for each in found}) >= 16
    assert all(each.before or each.after for each in found)


async def test_the_words_of_a_style_are_sent_and_stay_with_the_picture_when_it_is_gone(database, ada):
    await database.run_system(styles.add, GOUACHE, b"RIFF")
    session, made = await ask(database, ada, style="Gouache", negative_prompt="rain")
    assert made.style == "gouache"
    assert made.sent_prompt == "gouache painting of a boat, matte colours"
    assert (made.prompt, made.negative_prompt, made.style_without) == ("a boat", "rain", "photograph")
    await database.run_system(styles.remove, "GOUACHE")
    [message] = (await database.run_as(ada, messages.newest, session)).messages
    assert message.generations[0].sent_prompt == made.sent_prompt
    _, free = await ask(database, ada, style="gouache")
    assert free.sent_prompt == "a boat, gouache style"


async def test_adding_a_style_again_replaces_it_and_its_sample(database, ada):
    await database.run_system(styles.add, GOUACHE, b"one")
    [first] = [each for each in await database.run_as(ada, styles.list_styles) if each.name == "gouache"]
    assert await database.run_system(styles.sample, first.digest) == b"one"
    await database.run_system(styles.add, Style(name="Gouache", after="bright"), b"two")
    [second] = [each for each in await database.run_as(ada, styles.list_styles) if each.name.lower() == "gouache"]
    assert (second.name, second.before, second.after) == ("Gouache", "", "bright")
    for digest in (first.digest, "x", "", "a\0b", "0" * 32):
        with pytest.raises(NotFound):
            await database.run_system(styles.sample, digest)
    await database.run_system(styles.remove, "gouache")
    with pytest.raises(NotFound, match="gouache"):
        await database.run_system(styles.remove, "gouache")


@pytest.mark.parametrize(
    "wrong",
    [
        Style(name="", after="x"),
        Style(name="x" * 41, after="x"),
        Style(name="a\u202eb", after="x"),
        Style(name="plain"),
        Style(name="plain", before=" "),
        Style(name="long", after="x" * 301),
        Style(name="broken", after="a\0b"),
    ],
)
def test_a_style_that_says_nothing_or_too_much_is_refused(wrong):
    with pytest.raises(Invalid):
        check(wrong)
