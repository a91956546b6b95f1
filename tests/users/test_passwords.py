"""Argon2id: its parameters, its threads, and the same work for people who do not exist."""

import asyncio
import threading

import argon2
import pytest

from chatserver.errors import Busy
from chatserver.users import passwords
from tests.users.people import PASSWORD


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
    assert argon2.extract_parameters(passwords.NOBODY) == parameters


async def test_where_there_is_no_account_the_same_work_is_done(monkeypatch):
    verified = []
    real = passwords._verify
    monkeypatch.setattr(
        passwords, "_verify", lambda hashed, password: verified.append(hashed) or real(hashed, password)
    )
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(None, "x" * 1_000_000)
    assert verified == [passwords.NOBODY, passwords.NOBODY]


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

    flood = [asyncio.create_task(passwords._BENCH.run(work)) for _ in range(passwords.MOST_WAITING)]
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


def test_the_common_passwords_are_of_lengths_that_are_accepted_at_all():
    common = passwords._common_passwords()
    assert len(common) > 300
    assert all(len(one) >= passwords.SHORTEST and one == one.lower() for one in common)
