"""Configuration is read once, checked, and shown without its secrets."""

import os

import pytest
import structlog

from chatserver import config, server
from chatserver.errors import ConfigurationError
from tests.support import readme


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "eight"}, "PORT is 'eight'; it must be a whole number."),
        ({"PORT": "70000"}, "PORT is 70000; it must be at most 65535."),
        ({"CHECKOUT": "free"}, "CHECKOUT is 'free'; it must be one of: instant, manual."),
        ({"PROVIDERS": "sketch,dalle"}, "PROVIDERS names 'dalle'"),
        ({"STORAGE_PRESIGN": "maybe"}, "STORAGE_PRESIGN is 'maybe'; it must be yes or no."),
        ({"DATABASE_URL": "mysql://u:geheim@h/d"}, "DATABASE_URL must start with postgresql: or postgres:."),
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
    loaded = config.load({"HF_TOKEN": "hf_geheim", "DATABASE_URL": "postgresql://u:geheim@h/d", "SECRET_KEY": "geheim"})
    assert loaded.huggingface_api_key == "hf_geheim"
    assert "geheim" not in str(config.settings(loaded))


def test_a_paid_picture_never_becomes_a_sketch_unless_the_operator_says_so():
    assert config.load({}).provider_order == ("sketch",)
    assert config.load({"HF_TOKEN": "hf_x"}).provider_order == ("huggingface",)
    assert config.load({"HF_TOKEN": "hf_x", "PROVIDERS": "huggingface,sketch"}).provider_order == (
        "huggingface",
        "sketch",
    )


def test_the_secret_key_is_made_once_and_kept_private(tmp_path):
    loaded = config.load({"DATA_DIR": str(tmp_path / "data")})
    key = config.secret_key(loaded)
    assert len(key) >= 43
    assert config.secret_key(loaded) == key
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_the_readme_lists_every_setting_as_it_is():
    text = readme.README.read_text()
    assert readme.with_table(text) == text, "run: python -m tests.support.readme"


@pytest.mark.parametrize(("user", "warnings"), [(0, ["started.as_root"]), (1000, [])])
def test_a_start_as_root_is_warned_of(monkeypatch, user, warnings):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    # It ends at once for another reason: two web processes need Redis.
    with structlog.testing.capture_logs() as logged, pytest.raises(ConfigurationError, match="REDIS_URL"):
        server.serve(config.load({}), role=server.Role.all, workers=2)
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == warnings
