"""compose.yaml: valid by the specification, at one with itself, and its services really run, though without an engine."""

import asyncio
import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from PIL import Image

from chatserver import config as configuration
from chatserver.config import Config
from tests.support import composition as composed
from tests.support import dockerfile
from tests.support.composition import services
from tests.support.proxies import DEPLOY, Front
from tests.support.story import sign_up

# One composition is enough for all who share it.
pytestmark = pytest.mark.xdist_group("composition")

# Read by the S3 client's own library.
FOREIGN_SETTINGS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
# What the file's own services decide: where they are, and where the image listens and keeps its data.
FIXED_SETTINGS = {"HOST", "PORT", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "STORAGE_URL", "TRUSTED_PROXIES"}


def test_it_is_valid_by_the_specification():
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, composed.FILE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_no_container_keeps_its_log_for_ever():
    for name, each in services(composed.VARIABLES).items():
        assert each.get("logging", {}).get("options", {}).keys() >= {"max-size", "max-file"}, name


def test_it_runs_two_of_each_with_settings_that_exist():
    ours = {name: each for name, each in services().items() if each["image"] == "chatserver"}
    assert sorted(each["command"] for each in ours.values()) == [["serve", "--role", "web"]] * 2 + [["worker"]] * 2
    known = {name.upper() for name in Config.__dataclass_fields__}
    for each in ours.values():
        assert each["environment"].keys() - composed.VARIABLES.keys() <= known | FOREIGN_SETTINGS


def test_every_setting_in_the_env_file_reaches_every_process_but_those_that_the_file_itself_decides():
    written = {name.upper(): f"my {name}" for name in Config.__dataclass_fields__}
    for each in services({**composed.VARIABLES, **written}).values():
        if each["image"] == "chatserver":
            given = each["environment"]
            assert {name for name, value in written.items() if given.get(name) != value} == FIXED_SETTINGS


def test_a_closed_server_stays_closed_in_its_containers():
    everything = services({**composed.VARIABLES, "SIGN_UP": "closed", "CHECKOUT": "manual"})
    settings = {**dockerfile.environment(), **everything["web-1"]["environment"]}
    loaded = configuration.load(settings)
    assert (loaded.sign_up, loaded.checkout, loaded.host, loaded.port) == ("closed", ("manual",), "0.0.0.0", 8000)


def test_every_image_that_is_pulled_is_named_by_its_digest():
    pulled = [each["image"] for each in services().values() if "build" not in each]
    pulled += re.findall(r"(?m)^FROM (\S+)", (dockerfile.ROOT / "Dockerfile").read_text())
    assert len(pulled) >= 6
    assert [image for image in pulled if not re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image)] == []


def test_every_address_leads_to_a_service_that_lets_us_in():
    everything = services()
    settings = everything["web-1"]["environment"]
    database, postgres = urlsplit(settings["DATABASE_URL"]), everything["postgres"]
    assert database.password == postgres["environment"]["POSTGRES_PASSWORD"]
    assert any("/postgres-roles.sh:/docker-entrypoint-initdb.d/" in volume for volume in postgres["volumes"])
    roles = (DEPLOY / "postgres-roles.sh").read_text()
    assert f"CREATE ROLE {database.username} LOGIN PASSWORD" in roles
    assert f"CREATE DATABASE {database.path[1:]} OWNER {database.username} " in roles
    store = urlsplit(dict(parse_qsl(urlsplit(settings["STORAGE_URL"]).query))["endpoint"])
    hosts = {database.hostname, urlsplit(settings["REDIS_URL"]).hostname, store.hostname}
    assert hosts == {"postgres", "redis", "s3"} <= everything.keys()
    keys = everything["s3"]["environment"]
    assert settings["AWS_ACCESS_KEY_ID"] == keys["MINIO_ROOT_USER"]
    assert settings["AWS_SECRET_ACCESS_KEY"] == keys["MINIO_ROOT_PASSWORD"]
    assert settings["TRUSTED_PROXIES"] == everything["proxy"]["networks"]["inside"]["ipv4_address"]


def test_the_roles_are_those_that_the_database_page_asks_for():
    page = (dockerfile.ROOT / "docs" / "database.md").read_text()
    wanted = re.search(r"```sql\n(CREATE ROLE chatserver LOGIN.*?)```", page, re.DOTALL)[1].splitlines()
    roles = (DEPLOY / "postgres-roles.sh").read_text().replace(":'password'", "'…'").splitlines()
    assert [line for line in roles if line in wanted] == wanted


@pytest.mark.parametrize("secret", ["POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "SECRET_KEY"])
def test_no_secret_stands_in_it_and_its_absence_stops_the_start(secret):
    with pytest.raises(KeyError, match=secret):
        services({name: value for name, value in composed.VARIABLES.items() if name != secret})
    example = (dockerfile.ROOT / ".env.example").read_text()
    assert re.search(rf"^# {secret}=", example, re.MULTILINE), "what has to be set is named in .env.example"


@pytest.fixture
async def front(composition, tmp_path):
    """The proxy as compose.yaml has it: nginx, with the file that is mounted there."""
    proxy = services()["proxy"]
    assert proxy["image"].startswith("nginx:")
    assert proxy["volumes"] == ["./deploy/nginx.conf:/etc/nginx/nginx.conf:ro"]
    running = Front("nginx", tmp_path, composition.upstreams)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


async def test_the_story_of_a_session_in_two_tabs_through_its_proxy(composition, front):
    ada, bob = await sign_up(front, "Ada"), await sign_up(front, "Bob")
    session = await ada.buys("flash")
    await bob.accepts(await ada.invites(session))
    chats = [await person.joins(session) for person in (ada, ada, bob)]
    one, other, guest = chats
    for chat in chats:
        await chat.hears(lambda event: event["type"] == "stats" and event["connections"] == 3)
    assert sorted(await asyncio.gather(*map(sockets_at, composition.web))) == [1, 2]
    await one.says("hello from one of two machines")
    await guest.sees_text("hello from one of two machines")
    message = await one.generates("a beautiful sunset over mountains", count=2)
    for chat in chats:
        ended = await chat.sees_ended(message)
        assert [generation["status"] for generation in ended["generations"]] == ["done", "done"]
        await chat.hears(lambda event: event["type"] == "credits" and event["image"]["left"] == 6)
    for asset in [generation["assets"][0] for generation in ended["generations"]]:
        status, _, body = await bob.fetch(asset["download_url"])
        assert (status, hashlib.sha256(body).hexdigest()) == (200, asset["sha256"])
        assert Image.open(io.BytesIO(body)).size == (256, 256)
    assert other.messages[message["id"]] == one.messages[message["id"]]
    for chat in chats:
        await chat.leaves()
    # Not the doctor beside the comparison, which would find the doctor's probe among the files.
    for checks in ((("credits", "check"), ("storage", "check")), (("doctor",),)):
        results = await asyncio.gather(*(composition.run("worker-2", *check) for check in checks))
        assert not any(code for code, _ in results), results


async def sockets_at(web):
    """How many sockets one web process has, by its own metrics."""
    async with aiohttp.ClientSession() as client, client.get(f"{web.url}/metrics") as answer:
        [line] = re.findall(r"(?m)^chatserver_connections(?:\{\})? (\S+)$", await answer.text())
        return int(float(line))


@pytest.mark.parametrize("is_up", [True, False])
async def test_the_images_health_check_tells_a_process_that_serves_from_one_that_does_not(composition, is_up):
    command = dockerfile.health_check()
    port = composition.ports["web-1" if is_up else "worker-1"]
    check = await asyncio.create_subprocess_exec(
        sys.executable, *command[1:], env={"PORT": str(port)}, stderr=asyncio.subprocess.DEVNULL
    )
    assert command[0] == "python"
    assert (await check.wait() == 0) is is_up
