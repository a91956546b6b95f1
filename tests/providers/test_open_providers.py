"""Which providers a configuration opens, and what it says where it cannot."""

import pytest

from chatserver import config
from chatserver.errors import ConfigurationError
from chatserver.providers import open_providers


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["sketch"]),
        ({"HF_TOKEN": "hf_x"}, ["huggingface"]),
        ({"IMAGE_BASE_URL": "http://127.0.0.1:8081"}, ["huggingface"]),
        ({"HF_TOKEN": "hf_x", "PROVIDERS": "huggingface,sketch"}, ["huggingface", "sketch"]),
    ],
)
async def test_providers_are_opened_in_their_order(environ: dict[str, str], names: list[str]):
    opened = open_providers(config.load(environ))
    assert list(opened) == names
    assert [provider.name for provider in opened.values()] == names
    for provider in opened.values():
        await provider.close()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PROVIDERS": "huggingface"}, "HUGGINGFACE_API_KEY is not set"),
        ({"HF_TOKEN": "hf_x", "HF_PROVIDER": "nebius"}, "HF_PROVIDER is 'nebius'"),
    ],
)
def test_a_provider_that_cannot_work_stops_the_start_with_one_line(environ: dict[str, str], words: str):
    with pytest.raises(ConfigurationError, match=words) as raised:
        open_providers(config.load(environ))
    assert "\n" not in raised.value.message
