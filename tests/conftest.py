"""What every test can ask for: a real Postgres, a database of the module's own, and what was announced."""

import contextlib
import gc
import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings

from chatserver.config import Timing
from chatserver.database import Database, load_queries
from chatserver.events import Announcement, Event
from chatserver.limits import Limits
from chatserver.runtime import paths
from tests.support import postgres, process_state, product, promises, quick_passwords, scheduling
from tests.support.fork_server import ForkServer
from tests.support.swift import running_swift

# What a busy machine delays is no `busy`, but where a test is about that: here, and in every product that is started.
PATIENT = Timing(unit_deadline=60.0, unit_acquire=60.0)

# Hypothesis calls an example that takes long, or takes long to make, a failure; a busy machine makes one of any.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_STATE = pytest.StashKey[process_state.ProcessState]()


def pytest_configure(config):
    config.pluginmanager.register(promises.Summary())
    config.pluginmanager.register(scheduling.Groups(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """A failed test says also what the products warned of meanwhile: which 503 it was, and that a machine stood still; and
    what Postgres is doing where something was waited for in vain."""
    report = yield
    if report.failed and (told := product.warnings_since(datetime.fromtimestamp(call.start, UTC))):
        report.sections.append(("what the products warned of", told))
    if report.failed and call.excinfo is not None and call.excinfo.errisinstance(TimeoutError):
        report.sections.append(("what Postgres is doing", postgres.at_work()))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[_STATE] = process_state.read()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """A test that leaves its worker changed fails itself, and not those that come later."""
    yield
    left = process_state.changes(item.stash[_STATE], process_state.read())
    assert not left, "the test leaves its process changed: " + "; ".join(left)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """While the tests are made all of them stay: the garbage collector, which finds none, took a sixth of that time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish():
    """Keeps what all tests are made of out of every later collection: one would take 0.24 s of a test's processor
    time, and some tests are about a tenth of a second of it."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers():
    """Five for two cores: a test waits for most of its time, for other processes and for what is due later. With three the
    cores did nothing for a third of the time (docs/testing.md)."""
    return max(2, 5 * len(os.sched_getaffinity(0)) // 2)


@pytest.fixture(scope="session")
def system_folder(tmp_path_factory):
    """What products of root's leave outside of pytest's folder: some 40 MB for each with a Postgres of its own."""
    yield
    postgres.remove_from_system_folder(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session", autouse=True)
def fork_server(system_folder):
    """Products start as forks of a process that has imported them; it starts with the first of them."""
    product.fork_server, product.timing = ForkServer(), str(PATIENT)
    yield
    product.fork_server.close()
    product.fork_server = None


@pytest.fixture(scope="session", autouse=True)
def passwords_hashed_quickly():
    """Hundreds of accounts are made; what their hashes cost is of no matter, but where a test is about that."""
    quick_passwords.use()


class Published(list[Announcement]):
    """The announcements since the test began, in order."""

    def publish(self, announcements: list[Announcement]) -> None:
        self.extend(announcements)

    def events(self, channel: str | None = None) -> list[Event]:
        """The events of one channel, or of all."""
        return [each.event for each in self if channel in (None, each.channel)]


@pytest.fixture(scope="session")
async def postgres_server():
    """The one server of this run."""
    async with postgres.running_server() as server:
        yield server


@pytest.fixture(scope="module")
async def database_url(postgres_server):
    """The address of a fresh, migrated database; one for each test module."""
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture
async def own_database_url(postgres_server):
    """The same for one test: for a product of its own beside the module's, which would do its jobs."""
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def _recorder():
    return Published()


@pytest.fixture(scope="module")
async def database(database_url, _recorder):
    """The unit of work over `database_url`, with every named query."""
    async with _opened(database_url, _recorder) as opened:
        yield opened


@pytest.fixture
async def own_database(own_database_url, _recorder):
    """The same over `own_database_url`."""
    async with _opened(own_database_url, _recorder) as opened:
        yield opened


@contextlib.asynccontextmanager
async def _opened(url, recorder, **settings):
    database = Database(url, load_queries(paths.SQL / "queries"), recorder, pool=8, timing=PATIENT, **settings)
    await database.connect()
    yield database
    await database.close()


@pytest.fixture
async def limited(database_url, _recorder):
    """Opens the module's database once more, with people held to limits: `await limited(replies_at_once=2)`."""
    async with contextlib.AsyncExitStack() as closing:

        async def open_limited(**limits: int) -> Database:
            return await closing.enter_async_context(_opened(database_url, _recorder, limits=Limits(**limits)))

        yield open_limited


@pytest.fixture
def published(_recorder):
    """What the module's `database` has announced since this test began."""
    _recorder.clear()
    return _recorder


@pytest.fixture(scope="session")
async def swift(tmp_path_factory):
    """The one S3 server of this run: `swift.url("a-bucket")` is a STORAGE_URL; its keys stand in the environment."""
    async with running_swift(tmp_path_factory.mktemp("swift")) as server:
        yield server
