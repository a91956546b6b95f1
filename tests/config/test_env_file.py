"""The file `.env` is data: what people write in it comes out as they meant it, or stops the start with its line."""

import os
import re
import subprocess
import sys

import pytest

from chatserver import config
from chatserver.config import env_file
from chatserver.errors import ConfigurationError
from tests.support.dockerfile import ROOT


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=s3://p?endpoint=https://s3.example.org&region=eu", "s3://p?endpoint=https://s3.example.org&region=eu"),
        ("X=postgresql://u:p@h/d?sslmode=require&x=1;y", "postgresql://u:p@h/d?sslmode=require&x=1;y"),
        ("X=My Pictures", "My Pictures"),
        ("X=My Pictures  # on the wall", "My Pictures"),
        ("X=pass#word", "pass#word"),
        ("X=a$b$(rm -rf /)`id`!*|<>", "a$b$(rm -rf /)`id`!*|<>"),
        ("X=C:\\new\\table", "C:\\new\\table"),
        ("export X = spaced ", "spaced"),
        ('X="two words # no comment"', "two words # no comment"),
        ("X='${literal} \"as it is\"'", '${literal} "as it is"'),
        ('X="first\nsecond"', "first\nsecond"),
        ("X=grüße 🎨", "grüße 🎨"),
        ("X=", ""),
        ("X= # nothing", ""),
        ("X=one\r\nY=two\r\n", "one"),
        ("\ufeffX=behind a byte order mark", "behind a byte order mark"),
        ("X=first\nX=second", "second"),
    ],
)
def test_a_value_comes_out_as_it_was_meant(tmp_path, line, value):
    (tmp_path / ".env").write_text(line, encoding="utf-8", newline="")
    environ = {"ENV_FILE": str(tmp_path / ".env")}
    env_file.load(environ)
    assert environ["X"] == value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("# fine\n\nPORT=1\nNONSENSE", 4),
        ("A=1\n\n\nB: geheim", 4),
        ('A="geheim\nB=2\nC="x"', 1),
        ('A="geheim\nB="\n', 1),
        ("A='geheim", 1),
        ('A="geheim" and more', 1),
        ("A=1\nB=${geheim}", 2),
        ('A="${geheim:-x}"', 1),
        ("=geheim", 1),
        ("A-Ö=geheim", 1),
        ("A=gehe\0im", 1),
    ],
)
def test_a_line_that_cannot_be_meant_stops_the_start_with_its_number_and_without_its_words(text, number):
    with pytest.raises(ConfigurationError) as refusal:
        env_file.parse(text)
    assert refusal.value.message.startswith(f".env, line {number}: ")
    assert "geheim" not in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [("SITE_NAME=x".encode("utf-16"), "is not UTF-8 text"), (b"SITE_NAME=\xff", "is not UTF-8 text")],
)
def test_a_file_that_is_no_text_stops_the_start(tmp_path, content, words):
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        env_file.load({"ENV_FILE": str(tmp_path / ".env")})


def test_a_file_that_was_named_must_be_there_and_the_usual_one_need_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert env_file.load({}).lines == {}
    with pytest.raises(ConfigurationError, match="does not exist"):
        env_file.load({"ENV_FILE": "elsewhere.env"})


def test_the_environment_stands_above_the_file_even_where_it_is_empty(tmp_path):
    (tmp_path / ".env").write_text("PORT=1\nSITE_NAME=file\nACCENT=3\n")
    environ = {"ENV_FILE": str(tmp_path / ".env"), "PORT": "2", "SITE_NAME": ""}
    file = env_file.load(environ)
    loaded = config.load(environ)
    assert (loaded.port, loaded.site_name, loaded.accent) == (2, "chatserver", 3)
    assert file.lines == {"ACCENT": 3}


def test_every_line_of_the_example_can_be_taken_as_it_stands():
    example = (ROOT / ".env.example").read_text()
    uncommented = "\n".join(line.removeprefix("# ") for line in example.splitlines() if "=" in line)
    values = {entry.name: entry.value for entry in env_file.parse(uncommented)}
    assert values["STORAGE_URL"].endswith("endpoint=https://s3.example.org&region=eu-central-1")
    loaded = config.load(values)
    assert loaded.storage_url == values["STORAGE_URL"]
    assert loaded.database_url == values["DATABASE_URL"]


def chatserver(folder, *arguments, **environ):
    """A command as somebody types it in a folder, without the settings of the machine."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "chatserver", *arguments]
    environment = {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "250", **environ}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_configuration_says_where_each_value_came_from(tmp_path):
    (tmp_path / ".env").write_text(
        "# mine\nSITE_NAME=[bold]Pictures[/bold]\nHF_TOKEN=hf_geheim\nHUGINGFACE_API_KEY=hf_x\n"
    )
    shown = chatserver(tmp_path, "config", PORT="9000")
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:4]]
        for line in shown.stdout.splitlines()
        if len(cells := line.split("│")) > 4
    }
    assert rows["SITE_NAME"] == ["[bold]Pictures[/bold]", ".env:2"]
    assert rows["HUGGINGFACE_API_KEY"] == ["•••• (set)", ".env:3"]
    assert rows["PORT"] == ["9000", "environment (PORT)"]
    assert rows["ACCENT"] == ["262", "default"]
    assert ".env:4: HUGINGFACE_API_KEY is not a setting; did you mean HUGGINGFACE_API_KEY?" in shown.stderr
    assert "geheim" not in shown.stdout + shown.stderr


def test_every_command_tells_a_name_that_is_nearly_a_settings(tmp_path):
    names = ["sign_up", "Sign_Up", "SIGNUP", "SIGN-UP"]
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\n" + "".join(f"{name}=closed\n" for name in names))
    told = chatserver(tmp_path, "version").stderr
    lines = [f".env:{line}: {name} is not a setting; did you mean SIGN_UP?" for line, name in enumerate(names, 2)]
    assert told.splitlines() == lines


def test_a_variable_of_the_environment_is_told_as_a_line_of_the_file_is(tmp_path):
    told = chatserver(
        tmp_path, "version", SIGNUP="closed", PUBLIC_URI="x", SIGN_UP="open", HOSTNAME="x", MAIL="x"
    ).stderr
    assert sorted(told.splitlines()) == [
        "environment: PUBLIC_URI is not a setting; did you mean PUBLIC_URL?",
        "environment: SIGNUP is not a setting; did you mean SIGN_UP?",
    ]


def test_no_name_of_the_example_or_of_compose_is_taken_for_a_mistake(tmp_path):
    example, compose = ((ROOT / name).read_text() for name in (".env.example", "compose.yaml"))
    names = [*re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=", example, re.M), *re.findall(r"\$\{([A-Z0-9_]+)", compose)]
    assert "S3_SECRET_KEY" in names
    (tmp_path / ".env").write_text("".join(f"{name}=x\n" for name in names))
    assert chatserver(tmp_path, "version").stderr == ""


@pytest.mark.parametrize(
    "command", [("serve",), ("worker",), ("config",), ("doctor",), ("users", "list"), ("migrate",)]
)
def test_every_command_reads_the_file_and_stops_at_a_line_that_cannot_be_parsed(tmp_path, command):
    (tmp_path / ".env").write_text("PORT=0\nthis is not a setting\n")
    ended = chatserver(tmp_path, *command)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith("chatserver: .env, line 2: ")
    assert not (tmp_path / "data").exists()
