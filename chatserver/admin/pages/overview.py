"""/admin: four questions, answered at a glance."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.admin import layout, overview
from chatserver.admin.access import require_admin
from chatserver.admin.overview import ProviderStatus, Queue
from chatserver.database import Transaction
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import FallbackChain
from chatserver.monitoring import processes
from chatserver.monitoring.processes import RunningProcess
from chatserver.state import State


async def show(request: Request) -> Response:
    """GET /admin."""
    require_admin(request)
    state: State = request.app.state.chatserver
    checks = await request.app.state.health.check()
    chain = provider_limits.fallback_chain(state.config, state.providers.values())
    queue, providers, running = await state.database.run_system(_read, chain)
    alive = [each for each in running if each.is_alive]
    context = {
        "checks": checks,
        "queue": queue,
        "providers": providers,
        "is_long_wait": queue.oldest_seconds >= overview.LONG_WAIT_SECONDS,
        "failing": [name for name, result in checks.items() if result != "ok"],
        "unavailable": [each for each in providers if each.position and each.report.state in {"paused", "closed"}],
        "alive": alive,
        "gone": len(running) - len(alive),
        "workers": sum(each.is_worker for each in alive),
    }
    return layout.render(request, "admin/overview.html", context)


async def _read(tx: Transaction, chain: FallbackChain) -> tuple[Queue, list[ProviderStatus], list[RunningProcess]]:
    return (
        await overview.read_queue(tx),
        await overview.provider_statuses(tx, chain),
        await processes.list_processes(tx),
    )


PAGES = [Route("/admin", show, methods=["GET"])]
