"""/admin/money: what providers charge, what a plan costs at worst, and exchange rates."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.admin import charts, money
from chatserver.admin.charts import Bar
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.money import Money
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.admin.period import Period
from chatserver.costs import checks, price_file, refunds, usage
from chatserver.costs import service as costs
from chatserver.costs.margin import MarginLine, Margins
from chatserver.costs.upgrade import FlatKind
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.generations import provider_limits
from chatserver.state import state_of
from chatserver.web import filters, form_pages, forms
from chatserver.web.forms import Form

PATH = "/admin/money"
# Fields of errors, where the form has another name for them.
_OF_RATES = {"currency": "rate_currency", "valid_from": "rate_valid_from"}
_OF_PRICES = {"kind": "counted", "unit": "counted"}
# The columns of margins; a sum with unknown parts is empty, and what is known of it stands beside.
_OF_MARGINS = (
    *("revenue", "known_revenue", "refunds", "cost", "known_cost", "calls_of_unknown_cost", "margin"),
    *("sold", "free", "calls", "made", "currency"),
)


async def show(request: Request) -> Response:
    """GET /admin/money."""
    require_admin(request)
    return await _page(request)


async def _page(
    request: Request,
    price: Form | None = None,
    rate: Form | None = None,
    flat: Form | None = None,
    error: Invalid | None = None,
) -> Response:
    found = await _read(request)
    context = {
        "money": found,
        "bars": _bars(found, Period.of(request)),
        "chart": charts,
        "has_period": True,
        "most_sales": refunds.MOST_SALES,
        "flat_form": flat or _flat_form(found),
        "plan_names": {each.plan.id: each.plan.name for each in found.cases},
        "price_form": price or Form(),
        "rate_form": rate or Form(),
        "counted": money.COUNTED,
        "counted_by": money.counted,
        "worst_words": money.worst_words,
    }
    return layout.render(request, "admin/money.html", context, error.status if error else 200)


def _bars(found: Money, period: Period) -> list[Bar]:
    """What is known of revenue and cost by day, also of days without any."""
    lines = {line.name: line for line in found.margins.days}
    first, last = period.start.date(), period.end.date()
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    empty = MarginLine("", found.base)
    series = {
        "revenue": [lines.get(day, empty).revenue.known for day in days],
        "cost": [lines.get(day, empty).cost.known for day in days],
    }
    return charts.grouped_bars(days, series, lambda amount: filters.money(amount, found.base))


async def _read(request: Request, history: int = costs.MOST_ROWS) -> Money:
    state = state_of(request)
    called = money.models_called(state.providers.values(), state.chat)
    chain = provider_limits.fallback_chain(state.config, state.providers.values())
    return await state.database.run_system(money.read, called, money.allowances(chain), Period.of(request), history)


def _flat_form(found: Money) -> Form:
    """The form of what to compare with, as it stands."""
    values = {"flat_currency": found.base}
    for kind, (amount, currency) in found.flats.items():
        values |= {kind: f"{_plain(amount):f}", "flat_currency": currency}
    return Form(values)


async def set_price(request: Request) -> Response:
    """POST /admin/money/prices: what a provider charges from now or a given time on."""
    require_admin(request)
    form = await forms.read(request)
    kind, _, unit = form.text("counted").partition("/")
    try:
        price = await act(request, costs.set_price, checks.new_price({**form.values, "kind": kind, "unit": unit}))
    except Invalid as error:
        return await _page(request, price=form_pages.refuse(form, error, _OF_PRICES), error=error)
    notice = f"{price.provider} has its price. What was made before keeps its cost."
    return forms.redirect(request, PATH, notice=notice, at="prices")


async def set_rate(request: Request) -> Response:
    """POST /admin/money/rates: what a currency is worth from now or a given time on."""
    require_admin(request)
    form = await forms.read(request)
    try:
        currency = checks.currency(form.text("rate_currency"))
        rate, valid_from = checks.amount("rate", form.text("rate")), checks.moment(form.text("rate_valid_from"))
        await act(request, costs.set_rate, currency, rate, valid_from)
    except Invalid as error:
        return await _page(request, rate=form_pages.refuse(form, error, _OF_RATES), error=error)
    return forms.redirect(request, PATH, notice=f"{currency} has its rate.", at="rates")


async def set_flat_prices(request: Request) -> Response:
    """POST /admin/money/flat-prices: what a subscription or a machine costs a month, to compare with."""
    require_admin(request)
    form = await forms.read(request)
    kinds: tuple[FlatKind, ...] = get_args(FlatKind)
    try:
        currency = checks.currency(form.text("flat_currency"))
    except Invalid as error:
        return await _page(request, flat=form_pages.refuse(form, error, {"currency": "flat_currency"}), error=error)
    amounts: dict[FlatKind, Decimal | None] = {}
    for kind in kinds:
        try:
            amounts[kind] = checks.flat_amount(form.text(kind))
        except Invalid as error:
            return await _page(request, flat=form_pages.refuse(form, error, {"flat": kind}), error=error)
    await act(request, usage.set_flat_prices, amounts, currency)
    return forms.redirect(request, PATH, notice="It is compared with that from now on.", at="upgrade")


async def refund(request: Request) -> Response:
    """POST /admin/money/sales/{purchase_id}/refund: books that a sale, or a part of it, was given back.

    `seen` is what was booked when the form was drawn: one that is sent again books nothing once more.
    """
    require_admin(request)
    form = await forms.read(request)
    purchase_id = ids.parse(request.path_params["purchase_id"], "purchase_id")
    try:
        amount = checks.amount("amount", form.text("amount"))
        await act(request, refunds.refund, purchase_id, amount, form.text("reason"), seen=form.text("seen"))
    except (Invalid, Conflict) as error:
        return forms.redirect(request, PATH, notice=error.message, kind="problem", at="sales")
    return forms.redirect(request, PATH, notice="The refund is booked; move the money yourself.", at="sales")


# Tables as files ------------------------------------------------------------------------------------------------------


def _plain(amount: Decimal) -> Decimal:
    """Without the zeros that a column of twelve decimals adds."""
    return Decimal(f"{amount.normalize():f}")


def _prices(found: Money) -> Iterable[Sequence[Cell]]:
    for line in found.prices:
        price = line.price
        yield (
            *(price.provider, price.model, price.kind, price.unit, _plain(price.amount), price.currency),
            price.valid_from,
        )


def _rates(found: Money) -> Iterable[Sequence[Cell]]:
    for line in found.rates:
        rate = line.rate
        yield rate.currency, rate.base, _plain(rate.rate), rate.valid_from


def _margins(lines: Callable[[Margins], Sequence[MarginLine]]) -> Callable[[Money], Iterable[Sequence[Cell]]]:
    def rows(found: Money) -> Iterable[Sequence[Cell]]:
        for line in lines(found.margins):
            revenue, cost = line.revenue, line.cost
            yield (
                *(line.name, revenue.exact, revenue.known, line.refunds.known, cost.exact, cost.known, cost.unknown),
                *(line.margin, line.sold, line.free, line.calls, line.done, found.base),
            )

    return rows


def _plans(found: Money) -> Iterable[Sequence[Cell]]:
    for each in found.cases:
        case = each.case
        yield (
            *(each.plan.id, each.plan.name, case.price, case.images, case.videos),
            *(None if case.unknown else case.known, case.known, case.margin, case.currency, "; ".join(case.unknown)),
        )


TABLES: dict[str, tuple[Sequence[str], Callable[[Money], Iterable[Sequence[Cell]]]]] = {
    # The columns of a file that `chatserver prices import` reads.
    "prices": (price_file.NAMES, _prices),
    "exchange-rates": (("currency", "base", "rate", "valid_from"), _rates),
    "days": (("day", *_OF_MARGINS), _margins(lambda margins: margins.days)),
    "plans": (("plan", *_OF_MARGINS), _margins(lambda margins: margins.plans)),
    "models": (("model", *_OF_MARGINS), _margins(lambda margins: margins.models)),
    "worst-cases": (
        ("id", "plan", "price", "images", "videos", "cost", "known_cost", "margin", "currency", "unknown"),
        _plans,
    ),
}


async def download(request: Request) -> Response:
    """GET /admin/money/tables/{table}.csv."""
    require_admin(request)
    table = request.path_params["table"]
    if table not in TABLES:
        raise NotFound
    columns, rows = TABLES[table]
    return csv_response(request, table, columns, rows(await _read(request, price_file.MOST_PRICES)))


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + "/prices", set_price, methods=["POST"]),
    Route(PATH + "/rates", set_rate, methods=["POST"]),
    Route(PATH + "/flat-prices", set_flat_prices, methods=["POST"]),
    Route(PATH + "/sales/{purchase_id}/refund", refund, methods=["POST"]),
    Route(PATH + "/tables/{table}.csv", download, methods=["GET"]),
]
