"""Requests to providers from flat fields, as tests think of them."""

from typing import Any

from chatserver.providers.base import ProviderRequest
from chatserver.providers.recipe import Recipe


def provider_request(**fields: Any) -> ProviderRequest:
    """A small picture of a cat, or what `fields` of the request and of its recipe make of it."""
    usual = {"generation_id": "0198c0de-0000-7000-8000-000000000000", "kind": "image"}
    settings = {"prompt": "a cat", "width": 64, "height": 64, "seed": 7}
    own = {name: value for name, value in fields.items() if name in ProviderRequest.__struct_fields__}
    chosen = {name: value for name, value in fields.items() if name not in own}
    return ProviderRequest(recipe=Recipe(**{**settings, **chosen}), **{**usual, **own})
