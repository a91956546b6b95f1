import pytest

from tests.acceptance.conftest import product
from tests.gallery.pictures import Pictures
from tests.support.people import make_session, make_user

__all__ = ["product"]


@pytest.fixture(scope="module")
async def ada(database):
    return await make_user(database, "Ada")


@pytest.fixture(scope="module")
async def bob(database):
    return await make_user(database, "Bob")


@pytest.fixture(scope="module")
async def pictures(database, ada, bob):
    """Ada's session, with Bob as a guest, and what is made in it."""
    return Pictures(database, await make_session(database, ada, guests=(bob,)))
