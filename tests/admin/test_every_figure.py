"""Each figure of each of the operator's pages is what SQL over the rows says, or what we counted ourselves."""

import csv
import html
import io
import re
from datetime import timedelta
from decimal import Decimal

import aiohttp
import pytest
from markupsafe import Markup

from chatserver.admin.period import Period
from chatserver.runtime import clock
from chatserver.web import filters
from tests.admin import eventful
from tests.emulators import payments
from tests.emulators.huggingface import Emulator
from tests.rollups.test_rollups import BY_MODEL, CREDITS, DAILY, ERRORS, REPLIES, TOTALS
from tests.support import shop
from tests.support.page_visits import opened
from tests.support.people import run_sql

PERIODS = [("24h", "UTC"), ("7d", "Europe/Berlin"), ("30d", "UTC"), ("90d", "Europe/Berlin"), ("90d", "Asia/Kathmandu")]
SOLD = """
SELECT e.plan_id, e.checkout, count(*), count(DISTINCT p.session_id),
       sum(CASE WHEN e.checkout = 'instant' OR o.mode = 'test' THEN 0 ELSE e.amount END), e.currency
  FROM revenue_entries e LEFT JOIN purchases p ON p.id = e.purchase_id LEFT JOIN orders o ON o.purchase_id = e.purchase_id
 WHERE e.kind = 'purchase' AND e.at >= $1 AND e.at < $2 GROUP BY 1, 2, 6 ORDER BY 1, 2, 6"""
PER_SESSION = """
SELECT s.plan_id, count(*), round(avg((SELECT count(*) FROM credit_entries e WHERE e.session_id = s.id
                                         AND e.action = 'capture' AND e.kind = 'image')), 2), round(0.0, 2)
  FROM user_sessions s WHERE s.expires_at >= $1 AND s.expires_at < $2 GROUP BY 1 ORDER BY 1"""
IS_PAID = "e.checkout <> 'instant' AND o.mode IS DISTINCT FROM 'test' AND (e.kind = 'refund' OR e.amount > 0)"
EARNED = f"""
SELECT coalesce(sum(e.amount) FILTER (WHERE {IS_PAID}), 0),
       coalesce(sum(e.amount) FILTER (WHERE {IS_PAID} AND e.kind = 'refund'), 0),
       count(*) FILTER (WHERE {IS_PAID} AND e.kind = 'purchase'),
       count(*) FILTER (WHERE NOT ({IS_PAID}) AND e.kind = 'purchase')
  FROM revenue_entries e LEFT JOIN orders o ON o.purchase_id = e.purchase_id
 WHERE e.at >= $1 AND e.at < $2"""
# The one exchange rate of the history.
SPENT = """
SELECT coalesce(sum(cost * CASE currency WHEN 'USD' THEN 88.5 ELSE 1 END), 0), count(*),
       count(*) FILTER (WHERE is_made)
  FROM (SELECT ended_at, cost, currency, outcome = 'done' AS is_made FROM generation_attempts
         UNION ALL
        SELECT ended_at, cost, currency, false FROM reply_calls) AS calls
 WHERE ended_at >= $1 AND ended_at < $2"""

WAITING = """
SELECT (SELECT count(*) FROM generations WHERE status = 'queued'),
       (SELECT count(*) FROM generations WHERE status IN ('model-loading', 'rendering')), 0, 1, 1, 0"""
# What comes with the product costs nothing.
PAID = """
SELECT coalesce(sum(cost * 88.5), 0) FROM generation_attempts
 WHERE provider = 'huggingface' AND cost > 0 AND ended_at >= $1 AND ended_at < $2"""
PEOPLE = """
SELECT u.id, (SELECT count(*) FROM user_sessions s WHERE s.user_id = u.id AND s.status <> 'deleted') AS sessions,
       (SELECT count(*) FROM sign_ins i WHERE i.user_id = u.id AND i.ended_at IS NULL AND i.expires_at > now()
                                          AND i.last_used_at > now() - interval '14 days') AS sign_ins,
       (SELECT count(*) FROM api_tokens t WHERE t.user_id = u.id AND t.revoked_at IS NULL) AS tokens
  FROM users u WHERE u.status <> 'deleted' ORDER BY u.id DESC"""
OF_SESSION = """
SELECT (SELECT count(*) FROM credits c WHERE c.session_id = s.id AND c.kind = 'image' AND c.available_at <= now()) AS left,
       (SELECT count(*) FROM credits c WHERE c.session_id = s.id AND c.kind = 'image') AS owned,
       (SELECT count(*) FROM credit_entries e WHERE e.session_id = s.id AND e.action = 'capture') AS made,
       (SELECT count(*) FROM messages m WHERE m.session_id = s.id AND m.status <> 'deleted') AS messages
  FROM user_sessions s WHERE s.user_id = $1"""
CODES = """
SELECT count(*) FILTER (WHERE redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > now()), amount, currency,
       count(*), count(*) FILTER (WHERE redeemed_at IS NOT NULL), count(*) FILTER (WHERE revoked_at IS NOT NULL),
       count(*) FILTER (WHERE redeemed_at IS NULL AND revoked_at IS NULL AND expires_at <= now())
  FROM codes GROUP BY batch_id, amount, currency ORDER BY batch_id DESC"""
GATES = """
SELECT g.name, 0, count(c.number) FROM provider_gates g
  LEFT JOIN provider_calls c ON c.provider = g.name AND c.started_at > now() - interval '1 hour' GROUP BY g.name"""
STATUSES = """
SELECT kind, status, provider, count(*) FROM generations
 WHERE finished_at IS NULL OR finished_at > now() - interval '1 hour' GROUP BY 1, 2, 3"""
ACTIVE = "SELECT count(*) FROM user_sessions WHERE expires_at > now() AND status NOT IN ('deleted', 'expired')"
SECONDS = """
SELECT kind, provider, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
  FROM generations WHERE status = 'done' AND finished_at > now() - interval '1 hour' GROUP BY 1, 2"""


@pytest.fixture(scope="module")
async def past(database, database_url, postgres_server, tmp_path_factory):
    """The history, in a product in which nothing happens any more."""
    emulator = Emulator().start()
    async with payments.running() as gateways:
        settings = {
            **emulator.environment(),
            "PROVIDERS": "huggingface,sketch",
            "HF_PROVIDER": "hf-inference",
            "CHECKOUT": "instant,codes,stripe",
            "PROVIDER_FAILURES": "1000",
        }
        async with shop.running(tmp_path_factory.mktemp("product"), database_url, gateways.url, **settings) as product:
            lived = await eventful.live(product, database, emulator, gateways)
            await eventful.spread(database, postgres_server.admin_url_of(database_url), clock.now())
            yield lived
    emulator.close()


@pytest.fixture
async def operator(past):
    async with opened(past.people["Grace"]) as browser:
        yield browser


async def rows_of(operator, path):
    """The lines of a file behind its names."""
    answer = await operator.visit(path, Accept="*/*")
    assert answer.status == 200, path
    return [tuple(line) for line in csv.reader(io.StringIO(answer.text))][1:]


def figures_of(text):
    """What a page says of each figure, by its name: the figure, and the note beside it."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", text, re.DOTALL)
    return {
        words(name): tuple(words(part) for part in [*value.split('<span class="faint">'), ""][:2])
        for name, value in found
    }


def words(part):
    return str(Markup(part).striptags())


def cells(row):
    """A row of SQL as a file shows it."""
    return tuple(
        "" if cell is None else cell.isoformat(timespec="seconds") if hasattr(cell, "isoformat") else str(cell)
        for cell in row
    )


def period_of(key, zone):
    return Period.at(clock.now(), key, zone)


@pytest.mark.parametrize(("key", "zone"), PERIODS)
async def test_figures_are_those_of_the_rows_and_lead_to_them(operator, database, key, zone):
    period = period_of(key, zone)
    page = (await operator.visit(f"/admin/figures?{period.query}")).text
    shown = figures_of(page)

    async def expected(statement, *more):
        return [cells(row) for row in await run_sql(database, statement, period.start, period.end, *more)]

    [now] = await run_sql(database, TOTALS, period.start, period.end)
    [before] = await run_sql(database, TOTALS, period.before_start, period.before_end)
    names = ("Calls of providers", "Done", None, "Failed", "Cancelled", "Lost with a worker", "People")
    for name, one, other in zip(names, now, before, strict=True):
        assert name is None or shown[name] == (str(one), f"before: {other}"), name
    rates = [f"{100 * row[2] / (row[2] + row[3]):.1f} %" if row[2] + row[3] else "none ended" for row in (now, before)]
    assert shown["Succeeded"] == (rates[0], f"before: {rates[1]}")
    tables = {
        "daily": await expected(DAILY, zone), "errors": await expected(ERRORS), "credits": await expected(CREDITS),
        "sold": await expected(SOLD), "per_session": await expected(PER_SESSION),
    }  # fmt: skip
    faults = {"provider": "the provider's", "ours": "ours", "user": "the user's"}
    tables["errors"] = [(faults[row[0]], *row[1:]) for row in tables["errors"]]
    for name, rows in tables.items():
        assert await rows_of(operator, f"/admin/figures/tables/{name}.csv?{period.query}") == rows, name
    models = await rows_of(operator, f"/admin/figures/tables/by_model.csv?{period.query}")
    assert [row[:8] for row in models] == await expected(BY_MODEL)
    replies = await rows_of(operator, f"/admin/figures/tables/replies.csv?{period.query}")
    assert [row[:6] + row[10:12] for row in replies] == [row[:8] for row in await expected(REPLIES)]
    for row in tables["sold"]:
        assert f"<td data-number>{filters.money(Decimal(row[4]), row[5])}</td>" in page
    for series in re.findall(r'<rect data-series="([^"]+)"', page):
        assert f'<span data-series="{series}">' in page, "the chart says what its colours are"
    await lead_to_as_many_rows(operator, page)


async def lead_to_as_many_rows(operator, page):
    """Each number that leads to rows leads to as many."""
    links = re.findall(r'<a class="link" href="(/admin/(?:attempts|replies)\?[^"]*)">\s*([\d,]+)</a>', page)
    for address, number in links:
        path = html.unescape(re.sub(r"\s+", "", address)).replace("?", ".csv?", 1)
        assert len(await rows_of(operator, path)) == int(number.replace(",", "")), path


async def test_all_that_was_counted_is_there(past, database):
    rows = await run_sql(database, "SELECT outcome, count(*) AS n FROM generation_attempts GROUP BY outcome")
    assert {row["outcome"]: row["n"] for row in rows} == past.outcomes


@pytest.mark.parametrize(("key", "zone"), PERIODS)
async def test_money_is_that_of_the_books_and_of_the_calls(operator, database, key, zone):
    period = period_of(key, zone)
    page = (await operator.visit(f"/admin/money?{period.query}")).text
    shown = figures_of(page)
    sums = {}
    for name, start, end in (("now", period.start, period.end), ("before", period.before_start, period.before_end)):
        [earned], [spent] = await run_sql(database, EARNED, start, end), await run_sql(database, SPENT, start, end)
        sums[name] = (*earned, *spent)
    revenue, given_back, sold, free, cost, calls, _ = sums["now"]

    def money(amount):
        return filters.money(amount, "INR")

    was = {name: money(sums["before"][place]) for name, place in (("revenue", 0), ("refunds", 1), ("cost", 4))}
    assert shown["Revenue, net of refunds"] == (
        money(revenue), f"{filters.count(sold, 'sale', 'sales')}, before: {was['revenue']}",
    )  # fmt: skip
    assert shown["Of it given back"] == (money(given_back), f"before: {was['refunds']}")
    assert shown["Cost of providers"] == (
        money(cost), f"{filters.count(calls, 'call', 'calls')}, before: {was['cost']}",
    )  # fmt: skip
    assert shown["Left"] == (money(revenue - cost), f"before: {money(sums['before'][0] - sums['before'][4])}")
    if free:
        assert shown["Granted free of charge"][0] == filters.count(free, "time", "times")
    for table in ("days", "plans"):
        lines = await rows_of(operator, f"/admin/money/tables/{table}.csv?{period.query}")
        places = {
            1: revenue,
            3: given_back,
            4: cost,
            7: revenue - cost,
            8: sold,
            9: free,
            10: calls,
            11: sums["now"][6],
        }
        for place, total in places.items():
            assert sum(Decimal(line[place] or 0) for line in lines) == total, (table, place)


async def test_the_overview_says_what_is_so_now_and_this_month(operator, database):
    shown = figures_of((await operator.visit("/admin")).text)
    month = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    [earned], [spent] = (
        await run_sql(database, EARNED, month, clock.now()),
        await run_sql(database, SPENT, month, clock.now()),
    )
    assert shown["Revenue, this month so far"][0] == filters.money(earned[0], "INR")
    assert shown["Providers, this month so far"][0] == filters.money(spent[0], "INR")
    [queue] = await run_sql(database, WAITING)
    figures = (
        "Waiting",
        "Being made",
        "Workers that are making them",
        "Processes",
        "Of them workers",
        "Open connections",
    )
    assert [shown[name][0] for name in figures] == [str(each) for each in queue]
    thirty = clock.now() - timedelta(days=30)
    [[paid]] = await run_sql(database, PAID, thirty, clock.now())
    assert shown["Paid to providers"][0] == f"{filters.money(paid, 'INR')} in 30 days"


async def test_people_have_as_many_sessions_browsers_and_tokens_as_they_can_use(operator, database):
    page = (await operator.visit("/admin/people")).text
    rows = await run_sql(database, PEOPLE)
    listed = await rows_of(operator, "/admin/people.csv")
    assert [line[0] for line in listed] == [str(row["id"]) for row in rows]
    for row, line in zip(rows, listed, strict=True):
        assert line[-1] == str(row["sessions"])
        shown = figures_of((await operator.visit(f"/admin/people/{row['id']}")).text)
        assert (shown["Browsers signed in"][0], shown["API tokens"][0]) == (str(row["sign_ins"]), str(row["tokens"]))
    assert page.count('<a class="link" href="/admin/people/') == len(rows)


async def test_a_session_of_a_person_has_the_credits_pictures_and_messages_of_its_rows(past, operator, database):
    text = (await operator.visit(f"/admin/people/{past.people['Ada'].id}")).text
    shown = figures_of(text)
    [row] = await run_sql(database, OF_SESSION, past.people["Ada"].id)
    assert shown["Image credits"][0] == f"{row['left']} of {row['owned']} free"
    assert shown["Made"][0] == f"{filters.count(row['made'], 'picture', 'pictures')}, 0 clips"
    assert shown["Messages"][0] == str(row["messages"])


async def test_each_batch_of_codes_says_what_became_of_them(operator, database):
    page = (await operator.visit("/admin/codes")).text
    rows = [[words(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)]  # fmt: skip
    expected = await run_sql(database, CODES)
    assert [(row[2].split()[0], *row[3:8]) for row in rows] == [
        (str(unused), filters.money(amount, currency), *map(str, counts))
        for unused, amount, currency, *counts in expected
    ]


async def test_providers_have_the_calls_of_an_hour_and_each_process_is_listed(operator, database):
    rows = await rows_of(operator, "/admin/work/tables/providers.csv")
    expected = await run_sql(database, GATES)
    assert {(row[0], row[4], row[5]) for row in rows} == {tuple(map(str, row)) for row in expected}
    assert len(await rows_of(operator, "/admin/work/tables/processes.csv")) == 1


async def test_an_order_has_its_amount(operator, database):
    page = (await operator.visit("/admin/orders")).text
    [order] = await run_sql(database, "SELECT amount / 100.0 AS amount FROM orders")
    assert filters.money(order["amount"], "INR") in words(page)


async def test_metrics_count_what_is_under_way_and_what_ended_in_an_hour(past, database):
    async with aiohttp.ClientSession() as client, client.get(f"{past.product.url}/metrics") as answer:
        text = await answer.text()
    read = dict(re.findall(r"^(chatserver_[a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$", text, re.MULTILINE))
    generations = await run_sql(database, STATUSES)
    expected = {
        f'chatserver_generations{{kind="{row[0]}",provider="{row[2] or ""}",status="{row[1]}"}}': float(row[3])
        for row in generations
    }
    assert {
        name: float(value) for name, value in read.items() if name.startswith("chatserver_generations{")
    } == expected
    [[active]] = await run_sql(database, ACTIVE)
    assert float(read["chatserver_active_sessions"]) == active
    assert float(read["chatserver_oldest_waiting_seconds"]) == 0
    for kind, provider, *seconds in await run_sql(database, SECONDS):
        for quantile, value in zip(("0.5", "0.95"), seconds, strict=True):
            name = f'chatserver_generation_seconds{{kind="{kind}",provider="{provider}",quantile="{quantile}"}}'
            assert float(read[name]) == pytest.approx(float(value), abs=1e-3)
