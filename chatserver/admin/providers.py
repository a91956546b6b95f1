"""The operator's levers of the providers, for all workers: pause, resume, and the order in which they are tried."""

from collections.abc import Sequence

from chatserver import audit
from chatserver.audit import Actor
from chatserver.database import Transaction
from chatserver.errors import NotFound
from chatserver.generations import provider_limits
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting


async def pause(tx: Transaction, actor: Actor, name: str, *, paused: bool) -> None:
    """Pauses or resumes a provider, and wakes the workers. What runs goes on."""
    await provider_limits.pause(tx, name, paused=paused)
    await audit.record(tx, actor, "provider.paused" if paused else "provider.resumed", "provider", name)
    tx.announce(JOBS_CHANNEL, JobsWaiting())


async def move(tx: Transaction, actor: Actor, chain: provider_limits.FallbackChain, name: str, by: int) -> None:
    """Moves a provider up (`by` -1) or down (1) in the order of fall-back. NotFound where it is not in it."""
    await provider_limits.lock(tx, chain)
    order = [each.name for each in provider_limits.ordered(chain, await provider_limits.states(tx, chain))]
    if name not in order:
        raise NotFound
    place = order.index(name)
    order.insert(max(place + by, 0), order.pop(place))
    await provider_limits.set_order(tx, order)
    await audit.record(tx, actor, "provider.moved", "provider", name, order=_listed(order))
    tx.announce(JOBS_CHANNEL, JobsWaiting())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
