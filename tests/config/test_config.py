"""Configuration is read once, checked, and shown without its secrets."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from chatserver import config, server
from chatserver.errors import ConfigurationError
from chatserver.runtime.process_roles import ProcessRole
from tests.support import readme

DEFAULT_HOURS = config.load({}).hours_by_report_kind
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TAX_PERCENT": "8,1"}, "TAX_PERCENT is '8,1'; it must be a number from 0 to 100, such as 18 or 8.1."),
        ({"TAX_PERCENT": "-1"}, "TAX_PERCENT is '-1'; it must be a number from 0 to 100, such as 18 or 8.1."),
        ({"PORT": "eight"}, "PORT is 'eight'; it must be a whole number."),
        ({"PORT": "70000"}, "PORT is 70000; it must be at most 65535."),
        ({"CHECKOUT": "free"}, "CHECKOUT names 'free'; it must be of: stripe, razorpay, instant, manual, codes."),
        ({"CHECKOUT": "manual,free"}, "CHECKOUT names 'free'"),
        ({"CHECKOUT": ","}, "CHECKOUT names ''"),
        ({"PROVIDERS": "sketch,dalle"}, "PROVIDERS names 'dalle'"),
        ({"STORAGE_PRESIGN": "maybe"}, "STORAGE_PRESIGN is 'maybe'; it must be yes or no."),
        ({"DATABASE_URL": "mysql://u:geheim@h/d"}, "DATABASE_URL must start with postgresql: or postgres:."),
        ({"CHAT_API_KEY": "geheim\ngeheim"}, "CHAT_API_KEY holds a line break"),
        ({"HF_TOKEN": "hf_geheim\r\nX-Other: geheim"}, "HUGGINGFACE_API_KEY holds a line break"),
        ({"IMAGE_API_KEY": "geheim\x00"}, "IMAGE_API_KEY holds a line break or another character"),
        ({"IMAGE_API_KEY": "geheim geheim"}, "IMAGE_API_KEY holds a blank"),
        ({"CHAT_API_KEY": "sk-…"}, "CHAT_API_KEY holds a blank or a letter that no key has"),
        ({"CHAT_BASE_URL": "http://ada:geheim@h/v1"}, "CHAT_BASE_URL takes no name and no password"),
        ({"IMAGE_BASE_URL": "https://ada@h"}, "IMAGE_BASE_URL takes no name"),
        ({"HF_ROUTER_URL": "https://:geheim@h"}, "HF_ROUTER_URL takes no name"),
        ({"CHAT_BASE_URL": "http://h:99999/v1"}, "CHAT_BASE_URL names no host"),
        ({"CHAT_BASE_URL": "http://h/v1\nX: y"}, "CHAT_BASE_URL holds a line break"),
        ({"HF_RESULT_HOSTS": "fal.media *.fal.media"}, "HF_RESULT_HOSTS names what is no host; it takes names"),
        ({"HF_RESULT_HOSTS": "*.fal.media, fal.media:443"}, "HF_RESULT_HOSTS names what is no host"),
        ({"HF_RESULT_HOSTS": "https://fal.media/files"}, "HF_RESULT_HOSTS names what is no host"),
        ({"HF_BILL_TO": "ada\nX-Other: geheim"}, "HF_BILL_TO holds a line break"),
        ({"SITE_NAME": "Pictures\rBcc: geheim"}, "SITE_NAME holds a line break"),
        ({"IMAGE_MODEL": "a/geheim\x1b[2J"}, "IMAGE_MODEL holds a line break or another control character"),
        ({"SELLER_NAME": "geheim\u2028x"}, "SELLER_NAME holds a line break"),
        ({"SECRET_KEY": "x"}, "SECRET_KEY must have at least 8 characters."),
        # Docker's and Kubernetes' env files keep quotation marks: this would be a token of two characters.
        ({"METRICS_TOKEN": '""'}, "METRICS_TOKEN must have at least 8 characters."),
        ({"DATA_DIR": "~geheim-nobody/data"}, "DATA_DIR begins with ~"),
        ({"DATA_DIR": '"/srv/data"'}, "DATA_DIR is '\"/srv/data\"'; it must be a folder, without quotation marks"),
        ({"DATA_DIR": "file:/srv/data"}, "DATA_DIR is 'file:/srv/data'; it must be a folder"),
        ({"SMTP_URL": "smtp://", "MAIL_FROM": "ada@example.org"}, "SMTP_URL names no host"),
        ({"SMTP_URL": "smtp://ada:geheim@:587", "MAIL_FROM": "ada@example.org"}, "SMTP_URL names no host"),
        ({"PUBLIC_URL": "pictures.example.org"}, "PUBLIC_URL must start with http: or https:."),
    ],
)
def test_a_wrong_value_is_one_clear_line_that_names_it(environment, words):
    with pytest.raises(ConfigurationError) as refusal:
        config.load(environment)
    assert words in refusal.value.message
    assert "\n" not in refusal.value.message
    assert "geheim" not in refusal.value.message


def test_secrets_are_masked_when_shown():
    loaded = config.load(
        {"HF_TOKEN": "hf_geheim", "DATABASE_URL": "postgresql://u:geheim@h/d", "SECRET_KEY": "geheim-geheim"}
    )
    assert loaded.huggingface_api_key == "hf_geheim"
    assert "geheim" not in str(config.settings(loaded))


@pytest.mark.parametrize(
    "url",
    [
        "s3://ge:heim@bucket",
        "s3://bucket?endpoint=https://ada:ge/heim@store.example.org",
        "s3://bucket?endpoint=https%3A%2F%2Fada%3Age%2Fheim%40store.example.org",
        "s3://bucket?endpoint=https://store.example.org&secret_key=ge/heim",
    ],
)
def test_keys_that_were_typed_into_the_address_of_the_store_are_masked(url):
    shown = {name: value for name, value, _ in config.settings(config.load({"STORAGE_URL": url}))}["STORAGE_URL"]
    assert "heim" not in shown
    assert "••••" in shown


def test_the_address_of_the_store_is_shown_as_it_was_set():
    url = "s3://bucket/prefix?endpoint=https://store.example.org:9000&region=eu-central-1&path_style=no"
    assert url in str(config.settings(config.load({"STORAGE_URL": url})))


@pytest.mark.parametrize(
    "written", ["hf_x", " hf_x \n", '"hf_x"', "'hf_x'", "Bearer hf_x", '"bearer hf_x"', "Authorization: Bearer hf_x"]
)
def test_a_key_is_taken_as_it_is_meant(written):
    assert config.load({"HF_TOKEN": written}).huggingface_api_key == "hf_x"


def test_secrets_keep_their_capitals_also_where_there_are_two():
    two = config.load({"STRIPE_WEBHOOK_SECRETS": "whsec_AbCdEfGh, whsec_XyZ", "RAZORPAY_WEBHOOK_SECRETS": "AbCdEfGh"})
    assert two.stripe_webhook_secrets == ("whsec_AbCdEfGh", "whsec_XyZ")
    assert two.razorpay_webhook_secrets == ("AbCdEfGh",)


def test_ways_to_pay_are_named_once_each_in_the_order_of_the_setting():
    assert config.load({}).checkout == ("instant",)
    assert config.load({"CHECKOUT": "Manual, instant,manual"}).checkout == ("manual", "instant")


def test_a_paid_picture_never_becomes_a_sketch_unless_the_operator_says_so():
    assert config.load({}).provider_order == ("sketch",)
    assert config.load({"HF_TOKEN": "hf_x"}).provider_order == ("huggingface",)
    assert config.load({"HF_TOKEN": "hf_x", "PROVIDERS": "Huggingface, SKETCH"}).provider_order == (
        "huggingface",
        "sketch",
    )


def test_the_secret_key_is_made_once_and_kept_private(tmp_path):
    loaded = config.load({"DATA_DIR": str(tmp_path / "data")})
    key = config.secret_key(loaded)
    assert len(key) >= 43
    assert config.secret_key(loaded) == key
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["", "\n", "abc"])
def test_a_key_that_a_full_disk_has_cut_is_made_again(tmp_path, left):
    loaded = config.load({"DATA_DIR": str(tmp_path)})
    (tmp_path / "secret-key").write_text(left)
    key = config.secret_key(loaded)
    assert len(key) >= 43
    assert config.secret_key(loaded) == key
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret-key"]


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path, monkeypatch):
    def is_full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", is_full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        config.secret_key(config.load({"DATA_DIR": str(tmp_path)}))
    assert os.listdir(tmp_path) == []


def test_many_that_start_at_once_use_one_key(tmp_path):
    loaded = config.load({"DATA_DIR": str(tmp_path / "data")})
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: config.secret_key(loaded), range(64)))) == 1


def test_the_readme_lists_every_setting_as_it_is():
    text = readme.README.read_text()
    assert readme.with_table(text) == text, "run: python -m tests.support.readme"


@pytest.mark.parametrize(("user", "warnings"), [(0, ["process.started_as_root"]), (1000, [])])
def test_a_start_as_root_is_warned_of(monkeypatch, user, warnings):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    # It ends at once for another reason: no machine of ours has this address (RFC 5737).
    with structlog.testing.capture_logs() as logged, pytest.raises(ConfigurationError, match="Cannot listen"):
        server.serve(config.load({"HOST": "192.0.2.1"}), role=ProcessRole.all, workers=1)
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == warnings


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({"PORT": "8000 "}, "port", 8000),
        ({"REPORT_HOURS": "sexual = 3 , spam=9"}, "hours_by_report_kind", {**DEFAULT_HOURS, "sexual": 3, "spam": 9}),
        ({"PORT": "\t8000\r\n"}, "port", 8000),
        ({"PORT": "\u00a08000\u2009"}, "port", 8000),
        ({"PORT": "٨٠٠٠"}, "port", 8000),
        ({"PORT": "８０００"}, "port", 8000),
        ({"PORT": "+8000"}, "port", 8000),
        ({"PORT": "08000"}, "port", 8000),
        ({"LOG_LEVEL": "INFO"}, "log_level", "info"),
        ({"SIGN_UP": " Closed "}, "sign_up", "closed"),
        ({"DATABASE_POOLER": "YES"}, "database_pooler", True),
        ({"SITE_NAME": "Bücher\u202f"}, "site_name", "Bücher"),
    ],
)
def test_values_are_read_as_people_type_them(environment, name, value):
    assert getattr(config.load(environment), name) == value


@pytest.mark.parametrize(
    "text",
    ["8,000", "8.000", "8_000", "8 000", "8e3", "0x1f40", "8000.0", "NaN", "1" * 5000, "²", "−1", "eight", "8000;"],
)
def test_what_is_no_whole_number_is_one_short_line(text):
    with pytest.raises(ConfigurationError, match=r"PORT is .* it must be a whole number") as refusal:
        config.load({"PORT": text})
    assert "\n" not in refusal.value.message
    assert len(refusal.value.message) < 150


@pytest.mark.parametrize("text", ["2147483648", "9223372036854775808"])
def test_a_number_that_no_timer_holds_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"HF_SECONDS is .* it must be at most 2147483647"):
        config.load({"HF_SECONDS": text})


def test_a_port_of_the_command_line_is_judged_too():
    with pytest.raises(ConfigurationError, match="PORT is -1; it must be at least 0"):
        config.load({}, port=-1)


def test_more_connections_than_a_pool_can_prepare_are_refused():
    with pytest.raises(ConfigurationError, match="DATABASE_POOL is 2147483647; it must be at most 1000"):
        config.load({"DATABASE_POOL": "2147483647"})


def test_an_empty_host_of_the_command_line_is_the_default_and_not_every_interface():
    assert config.load({}, host="").host == "127.0.0.1"
    assert config.load({"HOST": "127.0.0.2"}, host="").host == "127.0.0.2"


def test_a_host_of_the_command_line_that_is_no_text_is_one_line():
    with pytest.raises(ConfigurationError, match="HOST is not UTF-8 text"):
        config.load({}, host="\udcff\udcfe")


def test_a_value_in_no_encoding_is_one_line():
    with pytest.raises(ConfigurationError, match="SITE_NAME is not UTF-8 text"):
        config.load({"SITE_NAME": b"B\xfccher".decode(errors="surrogateescape")})


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "nowhere", "TZ": "nowhere", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_the_configuration_is_the_same_in_every_locale(locale, tmp_path):
    (tmp_path / ".env").write_text("HF_BILL_TO=Müller\nDATA_DIR=data\nSECRET_KEY=geheim-geheim\n", encoding="utf-8")
    program = (
        "import os; from chatserver import cli, config; from chatserver.config import env_file;"
        "env_file.load(); loaded = config.load();"
        "assert (loaded.site_name, loaded.hf_bill_to) == ('Bücher', 'Müller'), ascii(loaded);"
        "from chatserver.users import passwords; from chatserver.web import templating;"
        "templating.open_site(loaded, 'key'); cli.main()"
    )
    environment = {"PATH": os.environ["PATH"], "SITE_NAME": "Bücher", "PYTHONPATH": str(ROOT), **locale}
    # Itself in ASCII, so that it says the same in each of them.
    command = [sys.executable, "-c", program.encode("unicode_escape").decode(), "config"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"SITE_NAME" in done.stdout
    assert b"geheim" not in done.stdout


@pytest.mark.parametrize(("locale", "works"), [({"LC_ALL": "C"}, True), ({"LC_ALL": "C", "PYTHONUTF8": "0"}, False)])
def test_a_folder_that_the_locale_cannot_name_is_said_in_one_line(locale, works, tmp_path):
    program = "from chatserver import config; config.secret_key(config.load())"
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": "Dåta", "PYTHONPATH": str(ROOT), "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment | locale, capture_output=True, check=False)
    assert (done.returncode == 0) is works
    assert os.listdir(os.fsencode(tmp_path)) == (["Dåta".encode()] if works else [])
    assert works or b"DATA_DIR has letters that no file can have" in done.stderr.splitlines()[-1]
