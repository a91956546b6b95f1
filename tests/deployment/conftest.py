"""compose.yaml's whole product on this machine, once for all that is shown of it."""

import pytest

from tests.support.composition import Composition, services
from tests.support.redis import running_redis
from tests.support.swift import running_swift

# The proxy's address in compose.yaml.
PROXY = "172.30.0.200"


@pytest.fixture(scope="package")
async def composition(postgres_server, tmp_path_factory):
    """The services of compose.yaml: ours as they stand there, redis by its command, Swift for the S3 server, and an empty
    database for all to find at once; whoever kills one restarts it."""
    folder = tmp_path_factory.mktemp("compose")
    url = await postgres_server.create_database("template0")
    try:
        async with (
            running_redis(*services()["redis"]["command"][1:]) as redis_server,
            running_swift(folder / "s3") as swift,
        ):
            addresses = [
                ("postgresql://chatserver:not-asked-for-on-a-local-socket@postgres/chatserver", url),
                ("redis://redis:6379/0", redis_server.url),
                ("http://s3:9000", swift.endpoint),
                (PROXY, "127.0.0.1"),
            ]
            composed = Composition(folder, addresses)
            try:
                await composed.start()
                code, output = await composed.run("worker-1", "storage", "create")
                assert code == 0, output
                yield composed
            finally:
                await composed.close()
    finally:
        await postgres_server.drop_database(url)
