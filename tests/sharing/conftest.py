"""Ada's pictures in a running product, and strangers without an account."""

import pytest

from chatserver.storage.filesystem import FolderStorage
from tests.sharing.visitors import Gallery
from tests.support.product import running


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """`chatserver serve` with the built-in painter."""
    folder = tmp_path_factory.mktemp("product")
    async with running(folder, DATABASE_URL=database_url) as process:
        yield process


@pytest.fixture(scope="module")
async def storage(product):
    """The product's folder of files."""
    opened = FolderStorage(product.log.parent / "files")
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def gallery(product, database, storage):
    """Two pictures and a clip that Ada has made in her session, and one of her guest Grace."""
    yield await Gallery.fill(product, database, storage)


@pytest.fixture(autouse=True)
async def _unlimited(database):
    """What one test does is not counted against the next."""
    yield
    await database.run_system(_forget)


async def _forget(tx):
    await tx.connection.execute("DELETE FROM budgets")
    await tx.connection.execute("DELETE FROM throttles")
