"""Argon2id: its parameters, its threads, and the same work where there is no account."""

import asyncio
import threading
import unicodedata

import argon2
import pytest

from chatserver.errors import Busy, Invalid
from chatserver.users import passwords
from tests.support import quick_passwords
from tests.support.people import run_sql
from tests.users.accounts import PASSWORD, member, signed_in_user


@pytest.fixture(scope="module", autouse=True)
def hashed_as_in_the_product():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in quick_passwords.REAL.items():
            patch.setattr(passwords, name, value)
        yield


async def test_a_password_matches_its_hash_and_nothing_else():
    hashed = await passwords.hashed(PASSWORD)
    assert PASSWORD not in hashed
    assert await passwords.matches(hashed, PASSWORD)
    assert not await passwords.matches(hashed, PASSWORD + " ")
    assert not await passwords.matches(hashed, PASSWORD.upper())
    assert not await passwords.matches(hashed, "\ud800" * 8)


async def test_a_hash_is_argon2id_with_19_mib_two_passes_and_one_lane():
    parameters = argon2.extract_parameters(await passwords.hashed(PASSWORD))
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert argon2.extract_parameters(passwords.DUMMY_HASH) == parameters


async def test_where_there_is_no_account_the_same_work_is_done(monkeypatch):
    verified = []
    real = passwords._verify
    monkeypatch.setattr(
        passwords, "_verify", lambda hashed, password: verified.append(hashed) or real(hashed, password)
    )
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(None, "x" * 1_000_000)
    assert verified == [passwords.DUMMY_HASH, passwords.DUMMY_HASH]


async def test_a_broken_hash_in_the_database_lets_nobody_in():
    assert not await passwords.matches("not a hash", PASSWORD)
    assert not await passwords.matches("", PASSWORD)


async def test_a_hash_with_other_parameters_is_known_as_outdated():
    assert passwords.is_outdated(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD))
    assert not passwords.is_outdated(await passwords.hashed(PASSWORD))


async def test_at_most_two_run_at_once_off_the_loop_and_a_flood_hears_busy():
    running, most, lock, open_ = 0, 0, threading.Lock(), threading.Event()
    threads = set()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            threads.add(threading.current_thread())
        open_.wait(10)
        with lock:
            running -= 1

    flood = [asyncio.create_task(passwords._HASHING.run(work)) for _ in range(passwords.MOST_WAITING)]
    async with asyncio.timeout(10):
        while running < 2:
            await asyncio.sleep(0.005)
    with pytest.raises(Busy):
        await passwords.matches(None, PASSWORD)
    open_.set()
    await asyncio.gather(*flood)
    assert most == 2
    assert threading.main_thread() not in threads
    assert await passwords.matches(await passwords.hashed(PASSWORD), PASSWORD)


async def test_who_chooses_passwords_without_end_keeps_nobody_from_signing_in(monkeypatch):
    open_ = threading.Event()
    hashing = []

    class Hasher:
        def hash(self, password: str) -> str:
            hashing.append(password)
            open_.wait(10)
            return "hashed"

    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    monkeypatch.setattr(passwords, "_verify", lambda *_: True)
    flood = [asyncio.create_task(passwords.hashed_for("eve", PASSWORD)) for _ in range(passwords.MOST_WAITING + 20)]
    try:
        async with asyncio.timeout(10):
            while not hashing:
                await asyncio.sleep(0.005)
            assert await passwords.matches("hers", PASSWORD)
        assert len(hashing) == 1
    finally:
        open_.set()
    assert await asyncio.gather(*flood) == ["hashed"] * len(flood)


def test_the_common_passwords_are_of_lengths_that_are_accepted_at_all():
    common = passwords._common_passwords()
    assert len(common) > 300
    assert all(len(one) >= passwords.SHORTEST and one == one.lower() for one in common)


SPELLINGS = {
    "composed": "zw\u00f6lf B\u00e4ume am Fluss",
    "decomposed": "zwo\u0308lf Ba\u0308ume am Fluss",
    "with a no-break space": "zw\u00f6lf B\u00e4ume\u00a0am Fluss",
}


@pytest.mark.parametrize("typed", SPELLINGS)
@pytest.mark.parametrize("set_as", SPELLINGS)
async def test_a_password_is_right_on_every_system(set_as, typed):
    assert await passwords.matches(await passwords.hashed(SPELLINGS[set_as]), SPELLINGS[typed])


@pytest.mark.parametrize(
    ("hashed_as", "typed"),
    [("composed", "decomposed"), ("decomposed", "composed"), ("with a no-break space", "with a no-break space")],
)
async def test_a_hash_of_a_password_as_it_was_typed_is_still_right(hashed_as, typed):
    old = passwords._HASHER.hash(SPELLINGS[hashed_as])
    assert await passwords.matching(old, SPELLINGS[typed]) == SPELLINGS[hashed_as]
    assert not await passwords.matches(old, SPELLINGS[typed] + "!")


async def test_what_is_typed_decides_how_much_is_tried_and_not_whether_there_is_an_account(monkeypatch):
    verified = []
    monkeypatch.setattr(passwords, "_verify", lambda hashed, password: bool(verified.append(password)))
    for password_hash in (None, "a hash"):
        assert not await passwords.matches(password_hash, SPELLINGS["composed"])
    assert verified[: len(verified) // 2] == verified[len(verified) // 2 :] and len(verified) == 4


async def test_the_length_is_counted_in_letters_however_they_are_composed():
    longest = "\u00f6\u00e4\u00fc1" * 64
    decomposed = unicodedata.normalize("NFD", longest)
    assert passwords.check(decomposed) == longest
    assert await passwords.matches(await passwords.hashed(longest), decomposed)
    with pytest.raises(Invalid, match="at least 8"):
        passwords.check(unicodedata.normalize("NFD", "\u00f6\u00e4\u00fc\u00e9\u00e8\u00ea\u00f1"))


async def test_one_who_signs_in_with_another_spelling_is_in_and_the_hash_is_made_anew(database):
    ada = await member(database, password=SPELLINGS["composed"])
    old = passwords._HASHER.hash(SPELLINGS["decomposed"])
    await run_sql(database, "UPDATE users SET password_hash = $2 WHERE id = $1", ada.id, old)
    await signed_in_user(database, ada, password=SPELLINGS["composed"])
    [row] = await run_sql(database, "SELECT password_hash FROM users WHERE id = $1", ada.id)
    assert row["password_hash"] != old and passwords._verify(row["password_hash"], SPELLINGS["composed"])
    for typed in SPELLINGS.values():
        await signed_in_user(database, ada, password=typed)
