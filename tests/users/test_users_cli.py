"""`chatserver users …`, as the operator types it."""

import asyncio
import json
import re
import sys

import pytest

from chatserver import users
from tests.support.product import environment
from tests.users.accounts import PASSWORD, create_api_token, email, member, signed_in_user

# Several commands in one process: starting Python takes most of the time.
ONE_AFTER_THE_OTHER = """
import json, sys
from chatserver.cli import app
for line in json.loads(sys.argv[1]):
    app(["users", *line], standalone_mode=False)
"""


@pytest.fixture
async def operator(database_url, tmp_path):
    async def types(*arguments: str, **settings: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            env={**environment(tmp_path, DATABASE_URL=database_url, COLUMNS="200"), **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 90)
        return process.returncode or 0, output.decode()

    return types


async def test_accounts_are_added_made_admins_reset_banned_and_listed(operator, database):
    ada, bob, eve = email("ada"), email("bob"), await member(database, "Eve")
    admin = email("admin")
    await create_api_token(database, eve, "the bot")
    lines = [
        ["add", ada, "--name", "Ada"],
        ["add", bob, "--password", PASSWORD],
        ["add", admin],
        ["make-admin", ada.upper()],
        ["reset", bob],
        ["tokens", eve.email],
        ["ban", eve.email],
        ["list"],
    ]
    settings = {"PUBLIC_URL": "https://pictures.example.org"}
    code, output = await operator("-c", ONE_AFTER_THE_OTHER, json.dumps(lines), **settings)
    assert code == 0, output
    assert PASSWORD not in output
    found = await database.run_system(users.find, ada)
    assert (found.name, found.role) == ("Ada", "admin")
    assert (
        await database.run_system(users.find, admin)
    ).name == "Member"  # no name of a role, though it is its address
    await signed_in_user(database, found, re.search(rf"Added {ada} with the password (\S+)", output)[1])
    link = re.search(r"https://pictures\.example\.org/reset/(\S{43})\n", output)[1]
    assert await database.run_system(users.find_reset, link) == bob
    assert "the bot" in output and re.search(rf"{eve.email}.*banned", output)
    await signed_in_user(database, await database.run_system(users.find, bob))


async def test_who_is_not_there_is_one_clear_line(operator):
    address = email()
    code, output = await operator("-m", "chatserver", "users", "ban", address)
    assert code == 1, output
    assert f"no account with the address '{address}'" in output and "Traceback" not in output
