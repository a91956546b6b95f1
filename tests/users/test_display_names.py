"""Display names: none looks like a role, like another user, or like nothing at all."""

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver import users
from chatserver.database import Database
from chatserver.errors import Invalid
from chatserver.limits import Limits
from chatserver.text import confusables
from chatserver.users import authentication, display_names
from tests.support.people import make_user, run_sql, run_sql_as
from tests.users.accounts import PASSWORD, email, member, new_visitor

ANYTHING = st.text(alphabet=st.characters(exclude_categories=[]), max_size=100)

ROLES = [
    "Assistant", "ASSISTANT", "assistant", "The Assistant", "Assistant 2", "2 Assistant", "Assistant✓", "Ada (owner)",
    "Asslstant", "ASSlSTANT", "AssIstant", "Ass1stant", "0perator", "Operat0r", "0wner", "Adm\u0131n",
    "A s s i s t a n t", "A-s-s-i-s-t-a-n-t", "a.d.m.i.n", "admin_1", "System Administrator", "Moderator",
    "\u0391\u03a1\u0399 System",
    "\U0001d4d0\U0001d4fc\U0001d4fc\U0001d4f2\U0001d4fc\U0001d4fd\U0001d4ea\U0001d4f7\U0001d4fd",
    "\u1d00\ua731\ua731\u026a\ua731\u1d1b\u1d00\u0274\u1d1b", "\uff21\uff53\uff53\uff49\uff53\uff54\uff41\uff4e\uff54",
    "Ⓐdmin", "Former member", "former-member", "Ehemaliges Mitglied",
    "Assistent", "Eigentümer", "Eigentu\u0308mer", "Système", "Propriétaire", "Administrador", "Amministratore",
    "\u0410\u0441\u0441и\u0441\u0442\u0435\u043d\u0442", "\u041eп\u0435\u0440\u0430\u0442\u043e\u0440", "助手",
    "管理員", "アシスタント", "관리자", "सह\u093eयक",
]  # fmt: skip
MIXED = [
    "\u0410ssistant", "\u0410da", "Ad\u0430", "S\u0443stem", "p\u0430ypal", "\u039fwner", "\u2ca3Ada",
    "Ada\u0430 Lovelace",
]  # fmt: skip
UNSEEN = [
    "", " ", "\u00a0\u3000", "\u3164", "\uffa0", "\u115f\u1160", "\u2800", "\u200b", "\u200d\u200c", "\ufe0f", "\u034f",
    "\u2060", "\ufffc", "\U0001d159", "\U000e0041", "\u0301", "A\u200bda", "Ada\u2060", "A\u00adda",
    "A\u034fda", "Ada\ufe0f",
    "Ada\u3164", "A\u200dda", "\u202eadA", "Ada\u2066", "Ada\u061c", "Ada\ufeff", "Ada\U000e0041", "Ada\ue000",
    "Ada\u0378",
    "\u0301Ada", "Z" + "\u0300\u0301" * 6, "Ada" + "\u0336\u0336", "A\u20dd\u20de\u20df\u20e0\u20e2d",
]  # fmt: skip
PEOPLE = [
    "A", "Ada", "Ada Lovelace", "Jean-Luc O\u2019Neil", "J.R.R.", "R2-D2", "Reader1", "Guest 3", "José",
    "Łukasz", "Søren",
    "Nguyễn Thị Hồng", "Nguye\u0302\u0303n", "\u041c\u0430\u0440ия", "И\u0432\u0430\u043d Ivanov",
    "DJ-И\u0432\u0430\u043d", "\u039c\u03b1\u03c1ί\u03b1",
    "ד\u05b8\u05bc\u05d5\u05b4ד", "محمد", "علی\u200cرض\u0627", "अद\u093e", "क\u094d\u200dष", "ஸ\u0bcdர\u0bc0",
    "ไทย", "བཀ\u0fb2",
    "Owner", "owner-2", "Owner0",
    "李小龍", "Yuki山田", "ゆきキ", "김철수", "Hawai\u02bbi", "Joe Root", "Ai", "Malik", "Adminah", "Systema", "C++ fan",
    "👩\u200d🚀", "🏳\ufe0f\u200d🌈", "Ada ❤\ufe0f\u200d🔥", "🧑\U0001f3fd\u200d💻", "1\ufe0f\u20e3 One",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "x" * 80,
]  # fmt: skip


@pytest.mark.parametrize("name", [*ROLES, *MIXED, *UNSEEN])
def test_a_name_that_pretends_is_refused_with_its_field(name):
    with pytest.raises(Invalid) as refusal:
        display_names.check(name)
    assert refusal.value.details["field"] == "name" and refusal.value.details["why"]


@pytest.mark.parametrize(("letter", "fits"), [("e\u0301", 40), ("\u0958", 40), ("\ufb2e", 40), ("x", 80)])
def test_the_length_of_a_name_is_that_of_what_is_stored(letter, fits):
    assert len(display_names.check(letter * fits)) <= display_names.LONGEST
    with pytest.raises(Invalid, match="at most 80 characters"):
        display_names.check(letter * (fits + 1))


@pytest.mark.parametrize("name", PEOPLE)
def test_people_of_all_countries_are_called_as_they_are(name):
    assert display_names.check(display_names.check(name)) == display_names.check(name)
    assert display_names.shown(display_names.check(name)) == display_names.check(name)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("Assistant", "Assistant (member)"),
        ("\u0410ssistant", "\u0410ssistant (member)"),
        ("A\u200bda\u202e", "Ada"),
        ("\u3164", display_names.NAMELESS),
        ("\u200b\u200d", display_names.NAMELESS),
        ("A" + "\u0301\u0300" * 40, "Á" + "\u0300\u0301\u0300\u0301"),
    ],
)
def test_a_name_from_before_is_shown_without_what_it_pretends(before, now):
    assert display_names.shown(before) == now


@settings(deadline=None)
@given(ANYTHING)
def test_any_text_is_a_name_or_a_clear_refusal_and_any_name_from_before_can_be_shown(text):
    try:
        assert display_names.check(display_names.check(text)) == display_names.check(text)
    except Invalid as refusal:
        assert refusal.details["field"] == "name"
    assert display_names.shown(display_names.shown(text)) in {
        display_names.shown(text),
        f"{display_names.shown(text)} (member)",
    }
    assert display_names.shown(text).strip()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ada"),
        ("Ada", "A da"),
        ("Ada", "A\u200bda"),
        ("Ada", "\u0410d\u0430"),
        ("Alice", "AIice"),
        ("Alice", "Al1ce".replace("1", "\u0131")),
        ("Bernard", "Bemard"),
        ("Bob", "B0b"),
        ("José", "Jose\u0301"),
        ("\u0421\u043e\u0440\u0430", "Copa"),
        ("Ada", "\U0001d49c\U0001d4b9\U0001d4b6"),
    ],
)
def test_names_that_look_alike_are_found(one, other):
    assert confusables.keys(one) & confusables.keys(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "Ida"), ("Lia", "Ila"), ("José", "Jose"), ("Ada", "Ada (2)"), ("Ann", "Anne")]
)
def test_names_that_look_different_are_let_be(one, other):
    assert not confusables.keys(one) & confusables.keys(other)


# Every entrance ----------------------------------------------------------------------------------------------------


async def test_whoever_signs_up_or_changes_the_name_is_judged(database):
    ada = await member(database)
    for name in ("Assistant", "\u0410da", "A\u200bda"):
        registration = authentication.Registration(email=email(), name=name, password=PASSWORD)
        with pytest.raises(Invalid):
            await users.sign_up(
                database, registration, new_visitor(), policy="open", issuer=authentication.sign_in_issuer()
            )
        with pytest.raises(Invalid):
            await database.run_system(users.rename, ada.id, name)
    assert (await database.run_system(users.get, ada.id)).name == "Ada"


async def test_nobody_is_called_like_the_site(database_url, database):
    limited = Database(database_url, dict(database._queries), pool=1, publisher=database._publisher, limits=SITE)
    await limited.connect()
    try:
        for name in ("Picture House", "picture-house", "Pictur\u0435house".replace("\u0435", "e"), "PICTUREH0USE"):
            with pytest.raises(Invalid, match="this site"):
                await limited.run_system(authentication.add, email(), name, None)
        await limited.run_system(authentication.add, email(), "Picture Housekeeper", None)
    finally:
        await limited.close()


SITE = Limits(site_name="Picture House")


@pytest.mark.parametrize("name", ["A\u200bda", "\u3164", "\u202eadA", "A\u00adda"])
async def test_the_database_takes_no_name_with_something_unseen_whoever_writes_it(database, name):
    ada = await make_user(database, "Ada")
    with pytest.raises(asyncpg.CheckViolationError):
        await make_user(database, name)
    with pytest.raises(asyncpg.CheckViolationError):
        await run_sql_as(database, ada, "UPDATE users SET name = $2 WHERE id = $1", ada, name)
    await run_sql(database, "UPDATE users SET name = $2 WHERE id = $1", ada, "👩\u200d🚀")
