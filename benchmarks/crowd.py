"""Many users on one machine, each with a client address of its own (X-Forwarded-For)."""

import asyncio
import itertools

from tests.support.product import Product
from tests.support.story import ApiUser, sign_up

# The product believes a proxy on loopback, which we are.
SETTINGS = {"TRUSTED_PROXIES": "127.0.0.1"}
_numbers = itertools.count(1)
# Passwords are hashed two at a time; a request that waits too long for that is answered with Retry-After.
AT_ONCE = 4


async def gather(product: Product, count: int) -> list[ApiUser]:
    """So many people with accounts."""
    people: list[ApiUser] = []
    while len(people) < count:
        people += await asyncio.gather(*(_newcomer(product) for _ in range(min(AT_ONCE, count - len(people)))))
    return people


async def _newcomer(product: Product) -> ApiUser:
    person = await sign_up(product, "Ada")
    number = next(_numbers)
    person.headers = {"X-Forwarded-For": f"10.1.{number // 250}.{number % 250 + 1}"}
    return person
