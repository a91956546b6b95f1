"""The product as people meet it, one process for each module unless a test starts its own."""

import pytest

from tests.support.cluster import Cluster
from tests.support.product import running
from tests.support.redis import running_redis
from tests.support.story import sign_up
from tests.support.swift import KEYS as SWIFT_KEYS


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """`chatserver serve` on this module's database, with the built-in provider."""
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url) as process:
        yield process


@pytest.fixture
async def ada(product):
    """Somebody with an account."""
    return await sign_up(product, "Ada")


@pytest.fixture
async def bob(product):
    """Somebody else."""
    return await sign_up(product, "Bob")


@pytest.fixture(scope="package")
async def redis_server():
    """The Redis of the cluster; whoever freezes or kills it brings it back."""
    async with running_redis() as server:
        yield server


@pytest.fixture(scope="package")
async def cluster(postgres_server, redis_server, swift, tmp_path_factory):
    """Two web processes and two workers over Postgres, Redis and S3, for all modules; whoever kills one replaces it."""
    url = await postgres_server.create_database()
    settings = {"DATABASE_URL": url, "REDIS_URL": redis_server.url, "STORAGE_URL": swift.url(), **SWIFT_KEYS}
    # As behind a proxy: a test may say from which address its people come.
    settings["TRUSTED_PROXIES"] = "127.0.0.1"
    machines = Cluster(tmp_path_factory.mktemp("cluster"), **settings)
    try:
        assert (await machines.run("storage", "create"))[0] == 0
        await machines.start(web=2, workers=2)
        yield machines
    finally:
        await machines.close()
        await postgres_server.drop_database(url)
