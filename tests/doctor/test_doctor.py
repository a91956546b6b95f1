"""The doctor, on real parts: what it says when all is well, and the line and mend for each thing that is not."""

import asyncio
import json
import socket
import sys
from types import SimpleNamespace

import asyncpg
import pytest

from chatserver import config, doctor
from chatserver.doctor import certificate as doctor_certificate
from chatserver.doctor import machine
from chatserver.doctor import settings as doctor_settings
from chatserver.imaging import processor
from chatserver.monitoring import processes
from chatserver.processes import pool
from tests.emulators.huggingface import Fail, Json, hub
from tests.emulators.huggingface.fixture import huggingface, huggingface_server
from tests.emulators.huggingface.server import TOKEN
from tests.provenance.authority import Authority
from tests.support import ports
from tests.support import product as products

__all__ = ["huggingface", "huggingface_server"]

NAMES = [
    "token",
    "identity",
    "image model",
    "edit model",
    "video model",
    "chat model",
    "certificate",
    "database",
    "schema",
    "clock",
    "roles",
    "row security",
    "plans",
    "storage",
    "redis",
    "disk",
    "children",
    "port",
]


@pytest.fixture
def environ(huggingface, database_url, tmp_path):
    """A configuration in which everything works."""
    port = str(ports.reserve())
    return huggingface.environment(DATABASE_URL=database_url, DATA_DIR=str(tmp_path / "data"), PORT=port)


@pytest.fixture(scope="module")
def told():
    """What the doctor has found of child processes, for each kind of them."""
    return {}


@pytest.fixture(autouse=True)
def _children_asked_once(told, monkeypatch):
    """Each start of one is a quarter of a second of a processor, and this machine does not change its mind."""
    ask = machine._children

    async def ask_once():
        if processor.Pool not in told:
            told[processor.Pool] = await ask()
        return told[processor.Pool]

    monkeypatch.setattr(machine, "_children", ask_once)


async def findings(environ, **settings):
    found = await doctor.run_checks(config.load({**environ, **settings}))
    assert not any(TOKEN in finding.message + finding.mend for finding in found)
    return {finding.name: finding for finding in found}


async def test_all_is_well_and_the_identity_is_asked_once(huggingface, environ) -> None:
    found = await findings(environ)
    assert [(name, found[name].status) for name in found] == [(name, "ok") for name in NAMES]
    assert "ada" in found["identity"].message
    assert "fal-ai" in found["image model"].message
    await findings(environ)
    assert len(huggingface.calls("whoami")) == 1


@pytest.mark.parametrize(
    ("settings", "name", "status", "words"),
    [
        ({"HUGGINGFACE_API_KEY": "sk-1234567890"}, "token", "failure", "does not start with hf_"),
        ({"HUGGINGFACE_API_KEY": "api_org_1234567"}, "token", "failure", "organisation"),
        ({"HUGGINGFACE_API_KEY": "hf_…"}, "token", "failure", "example of a token"),
        ({"HUGGINGFACE_API_KEY": "hf_..."}, "token", "failure", "example of a token"),
        ({"HUGGINGFACE_API_KEY": "hf_xxxxxxxxxxxxxxxx"}, "token", "failure", "example of a token"),
        ({"HUGGINGFACE_API_KEY": "hf_<your token>"}, "token", "failure", "blanks"),
        ({"HUGGINGFACE_API_KEY": "hf_"}, "token", "failure", "example of a token"),
        ({"IMAGE_MODEL": "nobody/nothing"}, "image model", "failure", "not served"),
        ({"IMAGE_EDIT_MODEL": "nobody/nothing"}, "edit model", "failure", "not served"),
        ({"IMAGE_EDIT_MODEL": "none"}, "edit model", "warning", "neither varied nor edited"),
        ({"CHAT_MODEL": "nobody/llama"}, "chat model", "failure", "does not serve"),
        ({"CHAT_BASE_URL": "http://127.0.0.1:9/v1"}, "chat model", "failure", "cannot be reached"),
        ({"IMAGE_BASE_URL": "http://127.0.0.1:9"}, "image server", "failure", "cannot be reached"),
        ({"DATABASE_URL": "postgresql://ada:canary@127.0.0.1:9/x"}, "database", "failure", "cannot be reached"),
        ({"REDIS_URL": "redis://:canary@127.0.0.1:9/0"}, "redis", "failure", "does not answer"),
        ({"STORAGE_URL": "file:/proc/nowhere"}, "storage", "failure", ""),
        ({"C2PA_CERTIFICATE": "/nowhere/chain.pem", "C2PA_KEY": "canary"}, "certificate", "failure", "cannot be read"),
        ({"HF_BILL_TO": "strangers"}, "identity", "warning", "strangers"),
    ],
)
async def test_each_thing_that_is_wrong_has_its_line_and_its_mend(
    huggingface, environ, settings, name, status, words
) -> None:
    huggingface.mappings["nobody/nothing"] = {}
    found = (await findings(environ, **settings))[name]
    assert (found.status, words in found.message) == (status, True), found
    assert found.mend
    assert "canary" not in found.message


@pytest.mark.parametrize("folder", ["a file/data", "x" * 300])
async def test_a_folder_that_cannot_be_is_what_to_look_at_and_stops_no_other_check(
    huggingface, environ, tmp_path, folder
) -> None:
    (tmp_path / "a file").touch()
    found = await findings(environ, DATABASE_URL="", DATA_DIR=str(tmp_path / folder))
    assert (found["database"].status, found["database"].mend) == ("failure", "Look at DATA_DIR.")
    assert {"identity", "storage", "disk", "children", "port"} <= found.keys()


@pytest.mark.parametrize(
    ("gibibytes", "files", "status", "words"),
    [
        (10, 1_000_000, "ok", "10.0 GiB are free where DATA_DIR is."),
        (1, 1_000_000, "warning", "1.0 GiB are free where STORAGE_URL is."),
        (0.1, 1_000_000, "failure", "0.1 GiB are free where STORAGE_URL is."),
        (10, 19_000, "warning", "10.0 GiB are free where STORAGE_URL is, but only for 19,000 more files."),
        (10, 900, "failure", "10.0 GiB are free where STORAGE_URL is, but only for 900 more files."),
    ],
)
def test_every_disk_that_is_written_to_is_looked_at_and_its_number_of_files_too(
    tmp_path, monkeypatch, gibibytes, files, status, words
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "files").mkdir()

    def disk(folder):
        free, left = (gibibytes, files) if folder.name == "files" else (10, 1_000_000)
        return SimpleNamespace(f_bavail=int(free * 1024**3), f_frsize=1, f_favail=left, f_files=2_000_000)

    monkeypatch.setattr(machine.os, "statvfs", disk)
    settings = {"DATA_DIR": str(tmp_path / "data"), "STORAGE_URL": f"file:{tmp_path}/files"}
    found = machine._disk(config.load(settings))
    assert (found.status, found.message) == (status, words)


async def test_a_certificate_is_ok_until_a_month_before_its_end(environ) -> None:
    authority = Authority()
    for days, status, words in (
        (90, "ok", "the operator's"),
        (20, "warning", "expires on"),
        (-1, "failure", "expired"),
    ):
        certificate, key = authority.issue(days=days)
        finding = await doctor_certificate.check(
            config.load({**environ, "C2PA_CERTIFICATE": certificate, "C2PA_KEY": key})
        )
        assert (finding.status, words in finding.message) == (status, True), finding


class Bucket:
    """A server of HTTP that answers every request in one way, in the place of a store."""

    def __init__(self, status=200, code="", headers="", body=""):
        self.body = body or (f"<Error><Code>{code}</Code><Message>canary</Message></Error>" if code else "")
        self.head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n{headers}\r\n"

    async def __call__(self, reader, writer):
        head = await reader.read(65536)
        if b"100-continue" in head.lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write((self.head + self.body).encode())
        await writer.drain()
        writer.close()


KEYS = {"AWS_ACCESS_KEY_ID": "canary-id", "AWS_SECRET_ACCESS_KEY": "canary", "AWS_EC2_METADATA_DISABLED": "true"}


async def storage_finding(environ, monkeypatch, url, keys=KEYS):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    found = (await findings(environ, STORAGE_URL=url))["storage"]
    assert "canary" not in found.message + found.mend
    return found


@pytest.mark.parametrize(
    ("answer", "words", "mend"),
    [
        (Bucket(403, "InvalidAccessKeyId"), "does not know the access key", "AWS_ACCESS_KEY_ID"),
        (Bucket(403, "SignatureDoesNotMatch"), "the signature is wrong", "AWS_SECRET_ACCESS_KEY"),
        (Bucket(403, "AccessDenied"), "may not write", "rights"),
        (Bucket(403, "RequestTimeTooSkewed"), "clock", "NTP"),
        (Bucket(400, "ExpiredToken"), "temporary keys", "AWS_SESSION_TOKEN"),
        (Bucket(404, "NoSuchBucket"), "does not exist", "storage create"),
        (Bucket(400, "InvalidBucketName"), "name", "lower-case"),
        (Bucket(301, "PermanentRedirect", "x-amz-bucket-region: eu-west-3\r\n"), "another region", "region="),
        (Bucket(400, "AuthorizationHeaderMalformed"), "another region", "region="),
        (Bucket(507, "XMinioStorageFull"), "full", "quota"),
        (Bucket(405, "MethodNotAllowed"), "does not speak S3", "web console"),
        (Bucket(200, "", "Content-Type: text/html\r\n", "<html>Welcome"), "does not speak S3", "web console"),
        (Bucket(404, "", "Content-Type: text/html\r\n", "<html>Nothing here"), "does not speak S3", "web console"),
        (Bucket(418, "Teapot"), "refused the request", "log"),
    ],
    ids=lambda value: value.head.split()[1] if isinstance(value, Bucket) else value[:12],
)
async def test_the_causes_of_a_bucket_that_answers_but_cannot_be_used_are_told_apart(
    huggingface, environ, monkeypatch, answer, words, mend
) -> None:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await storage_finding(environ, monkeypatch, f"s3://b-1?endpoint=http://127.0.0.1:{port}")
    assert (found.status, words in found.message, mend in found.mend) == ("failure", True, True), found


@pytest.mark.parametrize(
    ("url", "keys", "words", "mend"),
    [
        ("s3://b-1?endpoint=http://127.0.0.1:9", KEYS, "Nothing listens", "port"),
        ("s3://b-1?endpoint=http://nowhere.invalid", KEYS, "name is not known", "endpoint="),
        ("s3://b-1?endpoint=http://127.0.0.1:9", {}, "No keys are set", "AWS_SECRET_ACCESS_KEY"),
        ("s3://b-1?endpoint=http://127.0.0.1:9", {"AWS_ACCESS_KEY_ID": "x"}, "Only one of the two", "AWS_SECRET"),
        ("s3://No Bucket?endpoint=http://127.0.0.1:9", KEYS, "bucket's name", "lower-case"),
    ],
)
async def test_the_causes_of_a_bucket_that_is_never_reached_are_told_apart(
    huggingface, environ, monkeypatch, url, keys, words, mend
) -> None:
    keys = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **keys}
    found = await storage_finding(environ, monkeypatch, url, keys)
    assert (found.status, words in found.message, mend in found.message + found.mend) == ("failure", True, True), found


async def test_a_bucket_behind_the_wrong_scheme_is_told_apart(huggingface, environ, monkeypatch) -> None:
    async with await asyncio.start_server(Bucket(200), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await storage_finding(environ, monkeypatch, f"s3://b-1?endpoint=https://127.0.0.1:{port}")
    assert (found.status, "No TLS" in found.message, "https://" in found.mend) == ("failure", True, True), found


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Fail(401), "failure", "did not accept"),
        (Fail(429), "warning", "wait"),
        (Fail(503), "failure", "cannot be reached"),
        (Json({**hub.WHOAMI, "auth": {"type": "oauth"}}), "warning", "shows only at the first picture"),
        (
            Json({**hub.WHOAMI, "auth": {"accessToken": {"role": "fineGrained", "fineGrained": {"scoped": []}}}}),
            "failure",
            "may not call inference providers",
        ),
    ],
)
async def test_what_the_hub_says_of_the_token_is_told(huggingface, environ, answer, status, words) -> None:
    huggingface.script("whoami", [answer])
    found = (await findings(environ))["identity"]
    assert (found.status, words in found.message) == (status, True), found


@pytest.mark.parametrize(
    ("answer", "mend"), [(Fail(401), "Make one at"), (Fail(429), "some minutes"), (Fail(503), "HF_ENDPOINT")]
)
async def test_another_model_is_advised_only_where_the_model_is_what_is_wrong(
    huggingface, environ, answer, mend
) -> None:
    huggingface.script("mapping", [answer] * 4)
    found = await findings(environ)
    for name in ("image model", "video model"):
        assert found[name].mend.count("MODEL") == 0, found[name]
        assert mend in found[name].mend


async def test_a_key_that_ones_own_picture_server_refuses_has_its_own_mend(huggingface, environ) -> None:
    huggingface.script("text-to-image", [Fail(401)] * 4)
    settings = {"IMAGE_BASE_URL": f"{huggingface.url}/v1", "IMAGE_PROTOCOL": "openai-images", "IMAGE_API_KEY": "wrong"}
    found = (await findings(environ, **settings))["image server"]
    assert (found.status, "did not accept" in found.message, "IMAGE_API_KEY" in found.mend) == ("failure", True, True)


async def test_what_a_machine_refuses_to_lock_its_children_in_by_is_told(environ, monkeypatch) -> None:
    strange = lambda _module, **options: pool.Pool("tests.support.strange_machine", **options)  # noqa: E731
    monkeypatch.setattr(processor, "Pool", strange)
    found = (await findings(environ))["children"]
    assert (found.status, "without a filter of system calls" in found.message) == ("warning", True)
    assert found.mend


@pytest.mark.parametrize("path", ["/v2", "/files.d/", "/v1/index.html"])
async def test_an_address_that_does_not_speak_the_protocol_is_told_in_the_words_of_a_failed_reply(
    huggingface, environ, path
) -> None:
    found = (await findings(environ, CHAT_BASE_URL=f"{huggingface.url}{path}", CHAT_MODEL="m"))["chat model"]
    assert found.status == "failure"
    assert f"{huggingface.url}{path.rstrip('/')}" in found.message
    assert "does not speak the chat protocol of OpenAI" in found.message
    assert found.mend.startswith("Set CHAT_BASE_URL to the address of the server's API")


async def test_an_address_that_is_understood_is_told_as_it_is_used(huggingface, environ) -> None:
    settings = {"CHAT_BASE_URL": f"{huggingface.url}/", "CHAT_MODEL": hub.CHAT_MODELS[0], "CHAT_API_KEY": TOKEN}
    found = (await findings(environ, **settings))["chat model"]
    assert (found.status, f"{huggingface.url}/v1 and serves" in found.message) == ("ok", True), found


async def test_a_table_without_row_security_and_a_missing_migration_are_found(environ, postgres_server) -> None:
    empty = await postgres_server.create_database("template0")
    assert (await findings(environ, DATABASE_URL=empty))["schema"].status == "warning"
    await postgres_server.drop_database(empty)
    url = await postgres_server.create_database()
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY")
    await connection.close()
    found = (await findings(environ, DATABASE_URL=url))["row security"]
    assert (found.status, "messages" in found.message) == ("failure", True)
    await postgres_server.drop_database(url)


async def test_a_folder_without_a_database_is_told_and_gets_none(environ, tmp_path) -> None:
    folder = tmp_path / "restored elsewhere"
    found = (await findings(environ, DATABASE_URL="", DATA_DIR=str(folder)))["database"]
    assert (found.status, f"There is no database in {folder}." in found.message) == ("warning", True)
    assert not (folder / "postgres").exists()


async def test_a_setting_that_names_no_plan_is_told_with_the_plans_that_there_are(environ) -> None:
    settings = {"DEFAULT_PLAN": "flesh", "TRIAL_PLAN": "flash", "PICTURE_MARK": "pro,gold"}
    found = (await findings(environ, **settings))["plans"]
    assert found.status == "warning"
    assert found.message == "DEFAULT_PLAN names 'flesh', which is no plan; PICTURE_MARK names 'gold', which is no plan."
    assert "flash, flash-lite, pro" in found.mend
    assert (await findings(environ, PICTURE_MARK="all"))["plans"].status == "ok"


async def test_a_default_plan_that_was_withdrawn_is_told_and_a_trial_may_be_of_one(
    environ, postgres_server, own_database_url
) -> None:
    admin = await asyncpg.connect(postgres_server.admin_url_of(own_database_url))
    await admin.execute("UPDATE session_config SET available = false WHERE id = 'pro'")
    await admin.close()
    environ |= {"DATABASE_URL": own_database_url, "TRIAL_PLAN": "pro"}
    assert (await findings(environ, DEFAULT_PLAN="flash"))["plans"].status == "ok"
    found = (await findings(environ, DEFAULT_PLAN="pro"))["plans"]
    assert (found.status, found.message) == ("warning", "DEFAULT_PLAN names 'pro', which is not on offer.")
    assert found.mend == "On offer: flash, flash-lite; withdrawn: pro (chatserver plans list)."


@pytest.mark.parametrize(
    ("alone", "with_it", "words"),
    [
        (
            {"DATABASE_POOLER": "yes"},
            {"DATABASE_URL": "postgresql://h/x"},
            "DATABASE_POOLER has no effect without DATABASE_URL",
        ),
        ({"STORAGE_PRESIGN": "yes"}, {"STORAGE_URL": "s3://b"}, "STORAGE_PRESIGN has no effect without STORAGE_URL=s3"),
        (
            {"CHAT_API_KEY": "canary"},
            {"CHAT_BASE_URL": "http://h/v1"},
            "CHAT_API_KEY has no effect without CHAT_BASE_URL",
        ),
        (
            {"IMAGE_API_KEY": "canary"},
            {"IMAGE_BASE_URL": "http://h"},
            "IMAGE_API_KEY has no effect without IMAGE_BASE_URL",
        ),
        ({"IMAGE_PROTOCOL": "openai-images"}, {"IMAGE_BASE_URL": "http://h"}, "IMAGE_PROTOCOL has no effect"),
        (
            {"DIFFUSERS_MODEL": "/m", "HF_TOKEN": "hf_canary"},
            {"PROVIDERS": "huggingface,diffusers"},
            "diffusers in PROVIDERS",
        ),
        (
            {"STRIPE_SECRET_KEY": "sk_live_canary", "STRIPE_WEBHOOK_SECRETS": "whsec_canary"},
            {"CHECKOUT": "stripe"},
            "STRIPE_SECRET_KEY has no effect without stripe in CHECKOUT",
        ),
        ({"MAIL_FROM": "ada@example.org"}, {"SMTP_URL": "smtp://h"}, "MAIL_FROM has no effect without SMTP_URL"),
    ],
)
def test_a_setting_that_waits_for_another_one_is_told(alone, with_it, words) -> None:
    [found] = doctor_settings.check(config.load(alone))
    assert (found.status, words in found.message) == ("warning", True), found
    assert "canary" not in found.message
    assert doctor_settings.check(config.load({**alone, **with_it})) == []


async def test_processes_that_hear_of_each_other_by_no_broker_are_told(environ, postgres_server) -> None:
    url = await postgres_server.create_database()
    connection = await asyncpg.connect(postgres_server.admin_url_of(url))
    add = "INSERT INTO processes (id, kind, version, connections) VALUES ($1, 'web', '1', 0)"
    await connection.execute(add, "here/1")
    assert "processes" not in await findings(environ, DATABASE_URL=url)
    await connection.execute(add, "here/2")
    found = (await findings(environ, DATABASE_URL=url))["processes"]
    assert (found.status, "2 processes run, and REDIS_URL is not set" in found.message) == ("warning", True)
    assert "processes" not in await findings(environ, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:9")
    await connection.execute("UPDATE processes SET seen_at = now() - interval '20 seconds' WHERE id = 'here/2'")
    assert "processes" not in await findings(environ, DATABASE_URL=url)
    await connection.close()
    await postgres_server.drop_database(url)


async def run(environ, *arguments):
    clean = {**products.environment("", **environ), "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chatserver", "doctor", *arguments, env=clean,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert TOKEN not in output.decode()
    return process.returncode, output.decode()


async def test_the_command_ends_with_1_where_something_fails_and_speaks_json(environ) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environ["PORT"])))
        taken.listen()
        code, output = await run(environ)
        assert code == 1
        assert f"failure  port: Cannot listen on 127.0.0.1:{environ['PORT']}" in output
        assert "→ Set PORT or HOST." in output
    code, output = await run(environ, "--json")
    assert code == 0
    document = json.loads(output)
    assert document["ok"] is True
    assert [finding["name"] for finding in document["findings"]] == NAMES


async def test_a_machine_with_another_secret_key_than_the_one_that_started_last_is_told(
    environ, postgres_server
) -> None:
    url = await postgres_server.create_database()
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE chatserver_worker")
    await connection.execute("INSERT INTO signing_keys (mark) VALUES ($1)", processes.mark_of("the other machine's"))
    await connection.close()
    found = (await findings(environ, DATABASE_URL=url))["signing key"]
    assert (found.status, "has another SECRET_KEY" in found.message) == ("warning", True)
    assert "signing key" not in await findings(environ, DATABASE_URL=url, SECRET_KEY="the other machine's")
    await postgres_server.drop_database(url)
