"""What providers made is verified and stored, also where the machine is short of something for a while."""

import errno
import os
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from chatserver import ids
from chatserver.generations import publishing
from chatserver.generations.models import Recipe
from chatserver.imaging.processor import ImageProcessor
from chatserver.jobs.lease import Lease, LeaseLost
from chatserver.processes import pool
from chatserver.providers.base import Finished
from tests.imaging import samples

RECIPE = Recipe(prompt="a boat", width=48, height=32, seed=1)
JOB = SimpleNamespace(id="a generation", kind="image", recipe=RECIPE)


class Sealer:
    async def seal(self, data, *_):
        return data


async def test_what_is_paid_for_waits_for_a_process_and_is_no_fault_of_the_provider(monkeypatch):
    spawn, failures = pool.spawn, [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) for _ in range(2)]

    async def short_of_processes(*arguments):
        if failures:
            raise failures.pop()
        return await spawn(*arguments)

    monkeypatch.setattr(pool, "spawn", short_of_processes)
    monkeypatch.setattr(publishing, "RETRY_SECONDS", 0.001)
    processor = ImageProcessor(size=1)
    finished = Finished(data=samples.picture(), provider="sketch", model="Sketch", seed=1)
    with capture_logs() as lines:
        file = await publishing.verify(processor, Sealer(), JOB, finished)
    assert (file.width, file.height) == (48, 32)
    assert [line["event"] for line in lines if line["event"].startswith("generation.")] == [
        "generation.not_verified_yet"
    ] * 2
    await processor.close()


async def test_what_is_deleted_while_it_is_made_is_no_error(database):
    gone = SimpleNamespace(id=ids.new(), attempt=1, recipe=RECIPE)
    processor = ImageProcessor(size=1)
    picture = await processor.verify_picture(samples.picture(), samples.provenance())
    await processor.close()
    with pytest.raises(LeaseLost):
        await publishing.publish(Lease(database), None, gone, None, picture, [])
