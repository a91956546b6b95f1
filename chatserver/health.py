"""Whether this process is alive (/healthz) and able to serve (/readyz: each dependency by name)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chatserver.database import Transaction
from chatserver.state import State

# A dependency that takes longer than this to answer counts as away.
DEADLINE_SECONDS = 3.0
# Without the broker or the store the chat goes on; a balancer that took every process out for them would end it.
VITAL = "database"


async def check(state: State) -> dict[str, str]:
    """ "ok", or what is wrong in one word, for each dependency. Causes and addresses stay in the log."""
    probes: dict[str, Callable[[], Awaitable[None]]] = {
        "database": lambda: state.database.run_system(_ask),
        "broker": state.broker.check,
        "storage": state.storage.check,
    }
    results = await asyncio.gather(*(_judge(probe) for probe in probes.values()))
    return dict(zip(probes, results, strict=True))


async def _judge(probe: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await probe()
    except TimeoutError:
        return "slow"
    except Exception:  # noqa: BLE001 - whatever it is, the answer is that it does not work
        return "failing"
    return "ok"


async def _ask(tx: Transaction) -> None:
    await tx.fetch_value("credits.database_now")


async def show_health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


async def show_readiness(request: Request) -> JSONResponse:
    state: State = request.app.state.chatserver
    started = time.monotonic()
    checks = await check(state)
    ready = not state.hub.draining and checks[VITAL] == "ok"
    whole = all(result == "ok" for result in checks.values())
    body = {
        "status": "stopping" if state.hub.draining else "not-ready" if not ready else "ready" if whole else "degraded",
        "checks": checks,
        "seconds": round(time.monotonic() - started, 3),
    }
    return JSONResponse(body, 200 if ready else 503, headers={"Cache-Control": "no-store"})


ROUTES = [Route("/healthz", show_health), Route("/readyz", show_readiness)]
