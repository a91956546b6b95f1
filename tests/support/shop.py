"""A product that sells sessions through the emulated payment services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.emulators import payments
from tests.support import ports
from tests.support import product as products


def settings_of(emulator_url: str) -> dict[str, str]:
    """What a product is told to sell by Stripe and Razorpay at an emulator's address."""
    urls = {"STRIPE_API_URL": emulator_url, "RAZORPAY_API_URL": emulator_url}
    return {**payments.SETTINGS, **urls, "CHECKOUT": "stripe,razorpay"}


@asynccontextmanager
async def running(
    folder: Path, database_url: str, emulator_url: str, **settings: str
) -> AsyncIterator[products.Product]:
    """The product in a folder, with Stripe and Razorpay at an emulator's address; `settings` come on top."""
    port = ports.reserve()
    common = {
        **settings_of(emulator_url),
        "DATABASE_URL": database_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    async with products.running(folder, port=port, **(common | settings)) as product:
        yield product
