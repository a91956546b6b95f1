"""When the product looks which of its open sockets may stay, for tests of what is refused before it does."""

from chatserver.database import Database
from tests.support.people import run_sql
from tests.support.product import Product
from tests.support.story import sign_up


async def has_passed(product: Product, database: Database) -> None:
    """Waits until the look at all sockets, which comes every four seconds, has just been: whoever loses a right now meets
    the refusal of a command, and not a socket that the next look has closed already."""
    gone = await sign_up(product, "Gone")
    chat = await gone.joins(await gone.buys())
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", gone.id)
    await chat.is_closed()
    await chat.leaves()
