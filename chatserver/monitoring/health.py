"""Whether this process is alive (/healthz) and able to serve (/readyz: to trusted clients, each dependency by name)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chatserver.database import Transaction
from chatserver.monitoring.access import is_trusted_client
from chatserver.state import State, state_of

# A dependency that does not answer within the first counts as failing; the caller hears "slow" after the second.
DEADLINE_SECONDS = 3.0
WAIT_SECONDS = 1.0
# How long a result is cached: each dependency is asked once in that time, however often we are.
CACHE_SECONDS = 2.0
# Without the broker or the store the chat goes on; a balancer that removed every process for them would end it. So it
# would be where the database is read and takes no changes: what is there is shown.
REQUIRED = "database"
READ_ONLY = "read-only"


class ReadOnly(Exception):
    """The database answers, and takes no changes: it is a standby, or was told so."""


class Health:
    """Checks this process's dependencies, each by at most one task at a time, however many callers there are."""

    def __init__(self, state: State) -> None:
        self._probes: dict[str, Callable[[], Awaitable[None]]] = {
            "database": lambda: state.database.run_system(_ask),
            "broker": lambda: state.broker.check(),
            "storage": lambda: state.storage.check(),
        }
        self._checking: dict[str, asyncio.Task[str]] = {}
        self._checked_at: dict[str, float] = {}

    async def check(self) -> dict[str, str]:
        """ "ok", or what is wrong in one word, for each dependency. Causes and addresses stay in the log."""
        for name in self._probes:
            if self._is_stale(name):
                self._checked_at[name] = time.monotonic()
                self._checking[name] = asyncio.create_task(_probe(self._probes[name]))
        await asyncio.wait(self._checking.values(), timeout=WAIT_SECONDS)
        return {name: task.result() if task.done() else "slow" for name, task in self._checking.items()}

    def _is_stale(self, name: str) -> bool:
        if name not in self._checking:
            return True
        return self._checking[name].done() and time.monotonic() - self._checked_at[name] > CACHE_SECONDS


async def _probe(probe: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await probe()
    except TimeoutError:
        return "slow"
    except ReadOnly:
        return READ_ONLY
    except Exception:  # noqa: BLE001 - whatever it is, the answer is that it does not work
        return "failing"
    return "ok"


async def _ask(tx: Transaction) -> None:
    if await tx.fetch_value("monitoring.is_read_only"):
        raise ReadOnly


async def show_health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


async def show_readiness(request: Request) -> JSONResponse:
    state = state_of(request)
    started = time.monotonic()
    checks = await request.app.state.health.check()
    ready = not state.hub.draining and checks[REQUIRED] in {"ok", READ_ONLY}
    whole = all(result == "ok" for result in checks.values())
    if not is_trusted_client(request, state.config):
        return _respond({"status": "ready" if ready else "not-ready"}, ready=ready)
    body = {
        "status": "stopping" if state.hub.draining else "not-ready" if not ready else "ready" if whole else "degraded",
        "checks": checks,
        "seconds": round(time.monotonic() - started, 3),
    }
    return _respond(body, ready=ready)


def _respond(body: dict[str, Any], *, ready: bool) -> JSONResponse:
    return JSONResponse(body, 200 if ready else 503, headers={"Cache-Control": "no-store"})


ROUTES = [Route("/healthz", show_health), Route("/readyz", show_readiness)]
