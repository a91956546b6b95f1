"""/admin/money: what providers charge, what a plan costs at worst, and exchange rates."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.admin import layout, money
from chatserver.admin.access import act, require_admin
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.money import Called, Money
from chatserver.costs import checks, price_file
from chatserver.costs import service as costs
from chatserver.errors import Invalid, NotFound
from chatserver.state import State
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

PATH = "/admin/money"
# Fields of errors, where the form has another name for them.
_OF_RATES = {"currency": "rate_currency", "valid_from": "rate_valid_from"}
_OF_PRICES = {"kind": "counted", "unit": "counted"}


async def show(request: Request) -> Response:
    """GET /admin/money."""
    require_admin(request)
    return await _page(request)


async def _page(
    request: Request, price: Form | None = None, rate: Form | None = None, error: Invalid | None = None
) -> Response:
    state: State = request.app.state.chatserver
    context = {
        "money": await state.database.run_system(money.read, _called(state)),
        "price_form": price or Form(),
        "rate_form": rate or Form(),
        "counted": money.COUNTED,
        "counted_by": money.counted,
        "worst_words": money.worst_words,
    }
    return layout.render(request, "admin/money.html", context, error.status if error else 200)


def _called(state: State) -> list[Called]:
    return money.models_called(state.providers.values(), state.chat)


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
    "worst-cases": (
        ("id", "plan", "price", "images", "videos", "cost", "known_cost", "margin", "currency", "unknown"),
        _plans,
    ),
}


async def download(request: Request) -> Response:
    """GET /admin/money/tables/{table}.csv."""
    require_admin(request)
    state: State = request.app.state.chatserver
    table = request.path_params["table"]
    if table not in TABLES:
        raise NotFound
    columns, rows = TABLES[table]
    found = await state.database.run_system(money.read, _called(state), price_file.MOST_PRICES)
    return csv_response(table, columns, rows(found))


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + "/prices", set_price, methods=["POST"]),
    Route(PATH + "/rates", set_rate, methods=["POST"]),
    Route(PATH + "/tables/{table}.csv", download, methods=["GET"]),
]
