"""The contract of every provider (chatserver/providers/base.py), tested on each that is listed in PROVIDERS."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from chatserver import config
from chatserver.providers.base import Finished, Loading, Provider, ProviderRequest, ProviderUpdate, Queued, Rendering
from chatserver.providers.sketch.provider import Sketch
from tests.support.recipes import provider_request


@asynccontextmanager
async def sketch() -> AsyncIterator[Provider]:
    """The built-in provider."""
    provider = Sketch(config.load({}))
    yield provider
    await provider.close()


# Each opens a provider with all that it needs. Add further providers here.
PROVIDERS: dict[str, Callable[[], AbstractAsyncContextManager[Provider]]] = {"sketch": sketch}


@pytest.fixture(scope="module", params=PROVIDERS)
async def provider(request):
    async with PROVIDERS[request.param]() as opened:
        yield opened


def asked(kind="image", **changes) -> ProviderRequest:
    fields = {"prompt": "a beautiful sunset over mountains", "width": 128, "height": 96, "seed": 7, **changes}
    return provider_request(kind=kind, **fields)


async def updates_of(provider: Provider, request: ProviderRequest) -> list[ProviderUpdate]:
    return [step async for step in provider.generate(request)]


async def test_a_provider_has_a_name_and_a_label(provider):
    assert provider.name.islower()
    assert provider.label
    assert provider.supports("image")
    assert provider.model("image")


@pytest.mark.parametrize("kind", ["image", "video"])
async def test_a_run_ends_with_one_finished_step(provider, kind):
    if not provider.supports(kind):
        pytest.skip(f"{provider.name} makes no {kind}")
    *before, last = await updates_of(provider, asked(kind))
    assert isinstance(last, Finished)
    assert last.data
    assert last.model
    assert last.provider == provider.name
    assert not any(isinstance(step, Finished) for step in before)


async def test_stages_come_in_their_order(provider):
    order = [Queued, Loading, Rendering, Finished]
    places = [order.index(type(step)) for step in await updates_of(provider, asked())]
    assert places == sorted(places)


async def test_fractions_rise_and_stay_within_one(provider):
    fractions = [
        step.fraction
        for step in await updates_of(provider, asked())
        if isinstance(step, Rendering) and step.fraction is not None
    ]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)


async def test_a_run_can_be_closed_at_its_first_step_and_the_next_one_works(provider):
    run = provider.generate(asked())
    await anext(run)
    assert inspect.isasyncgen(run)
    async with asyncio.timeout(10):
        await run.aclose()
    assert isinstance((await updates_of(provider, asked()))[-1], Finished)


async def test_a_cancelled_task_ends_promptly(provider):
    task = asyncio.create_task(updates_of(provider, asked(width=512, height=512)))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_two_runs_at_once_do_not_disturb_each_other(provider):
    one, two = await asyncio.gather(updates_of(provider, asked(seed=1)), updates_of(provider, asked(seed=2)))
    assert isinstance(one[-1], Finished)
    assert isinstance(two[-1], Finished)
    assert one[-1].data != two[-1].data
