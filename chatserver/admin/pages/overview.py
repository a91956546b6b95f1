"""/admin: four questions, answered at a glance."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import plans
from chatserver.admin import money, overview, work
from chatserver.admin.money import Allowed, Called, PlanCosts
from chatserver.admin.overview import ProviderStatus, Queue
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import require_admin
from chatserver.admin.work import StuckWork
from chatserver.config import Config
from chatserver.costs.margin import MarginLine
from chatserver.costs.upgrade import Advice
from chatserver.database import Transaction
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import FallbackChain
from chatserver.monitoring import processes
from chatserver.monitoring.processes import RunningProcess
from chatserver.payments import service as payments
from chatserver.reports import service as reports
from chatserver.reports.service import OpenReports
from chatserver.state import state_of


async def show(request: Request) -> Response:
    """GET /admin."""
    require_admin(request)
    state = state_of(request)
    checks = await request.app.state.health.check()
    chain = provider_limits.fallback_chain(state.config, state.providers.values())
    called = money.models_called(state.providers.values(), state.chat)
    queue, providers, running = await state.database.run_system(_read, chain)
    finances, stuck, advice, open_reports, month, refunds, misnamed_plans = await state.database.run_system(
        _read_more, state.config, called, money.allowances(chain)
    )
    alive = [each for each in running if each.is_alive]
    shown: dict[str, Any] = {
        "checks": checks,
        "queue": queue,
        "providers": providers,
        "cases": finances.cases,
        "stuck": stuck,
        "advice": advice,
        "reports": open_reports,
        "month": month,
        "refunds": refunds,
        "misnamed_plans": misnamed_plans,
        "alive": alive,
        "gone": len(running) - len(alive),
        "workers": sum(each.is_worker for each in alive),
        "is_long_wait": queue.oldest_seconds >= overview.LONG_WAIT_SECONDS,
        "failing": [name for name, result in checks.items() if result != "ok"],
        "unavailable": [each.name for each in providers if each.position and each.report.state in {"paused", "closed"}],
        "unpriced": [each.model for each in finances.in_use if not each.is_free and each.converted is None],
        "losing": [each.plan.name for each in finances.cases if each.plan.available and each.case.loses],
    }
    return layout.render(request, "admin/overview.html", {**shown, "todo": _todo(shown)})


def _todo(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What there is to do, the most urgent first, each with the address where it is done."""
    stuck: StuckWork = shown["stuck"]
    open_reports: OpenReports = shown["reports"]
    work_page = "/admin/work"
    things = [
        (shown["failing"], "Look at what does not answer", f"{work_page}#processes"),
        (not shown["workers"], "Start a worker", f"{work_page}#processes"),
        (shown["unavailable"], f"Look at {', '.join(shown['unavailable'])}", f"{work_page}#providers"),
        (open_reports.number, _reports_in_words(open_reports), "/admin/reports"),
        (
            shown["refunds"],
            f"{payments.refunds_in_words(shown['refunds'])}: pay in another way",
            "/admin/orders#reports-heading",
        ),
        (stuck.leases, "Give back what a worker that has gone holds", f"{work_page}#leases"),
        (stuck.holds, "Settle the credits held for nothing", f"{work_page}#holds"),
        (shown["is_long_wait"], "Look at what has waited for long", f"{work_page}#waiting"),
        (shown["misnamed_plans"], "; ".join(shown["misnamed_plans"]), "/admin/plans"),
        (shown["losing"], "Change the plans that lose money at worst", "/admin/plans"),
        (shown["advice"].state == "attention", f"Upgrade? {shown['advice'].words}", "/admin/money#upgrade"),
        (shown["unpriced"], "Set the prices that are unknown", "/admin/money#prices"),
    ]
    return [(words, address) for applies, words, address in things if applies]


async def _read_more(
    tx: Transaction, config: Config, called: Sequence[Called], allowed: Sequence[Allowed]
) -> tuple[PlanCosts, StuckWork, Advice, OpenReports, MarginLine, int, list[str]]:
    return (
        await money.read_plans(tx, called),
        await work.read(tx),
        await money.read_advice(tx, allowed),
        await reports.count_open(tx),
        await money.read_month(tx),
        len(await payments.refunds_at_large(tx, payments.SHOWN_SECONDS)),
        await plans.misnamed_in(tx, config),
    )


def _reports_in_words(found: OpenReports) -> str:
    number = f"{found.number} reported thing{'' if found.number == 1 else 's'}"
    return f"Decide on {number}" + (f", {found.late} of them late" if found.late else "")


async def _read(tx: Transaction, chain: FallbackChain) -> tuple[Queue, list[ProviderStatus], list[RunningProcess]]:
    return (
        await overview.read_queue(tx),
        await overview.provider_statuses(tx, chain),
        await processes.list_processes(tx),
    )


PAGES = [Route("/admin", show, methods=["GET"])]
