"""What the queries of orders, reports and codes read where there are 100,000 of each: pages, which no load changes."""

import json

import asyncpg
import pytest

from chatserver import ids
from chatserver.database import load_queries
from chatserver.runtime import paths
from tests.support.people import run_sql

# Keys are not looked up while rows are made: that would take most of the time.
MANY = """
SET session_replication_role = replica;
CREATE FUNCTION key(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
 RETURN ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;
INSERT INTO users (id, email, name) SELECT key(n), n || '@example.org', 'Ada' FROM generate_series(0, 999) n;
INSERT INTO orders (id, user_id, gateway, mode, plan, amount, currency, state, gateway_id, payment_id, purchase_id,
                    receipt_number, created_at, expires_at, paid_at, ask_at)
SELECT key(n), key(n % 1000), CASE WHEN n % 2 = 0 THEN 'stripe' ELSE 'razorpay' END, 'live', '{}', 4900, 'INR',
       CASE WHEN n % 3 = 0 THEN 'fulfilled' ELSE 'expired' END, 'page_' || n,
       CASE WHEN n % 3 = 0 THEN 'pay_' || n END, CASE WHEN n % 3 = 0 THEN key(n) END, CASE WHEN n % 3 = 0 THEN n END,
       now() - n * interval '1 minute', now(), CASE WHEN n % 3 = 0 THEN now() - n * interval '1 minute' END,
       now() + interval '1 hour' + n * interval '1 s'
  FROM generate_series(1, 100000) n;
INSERT INTO payment_events (id, at, gateway, outcome, order_id)
SELECT key(n), now() - n * interval '1 minute', CASE WHEN n % 2 = 0 THEN 'stripe' ELSE 'razorpay' END,
       CASE WHEN n % 5000 = 0 THEN 'wrong-amount' ELSE 'accepted' END, key(n)
  FROM generate_series(1, 100000) n;
INSERT INTO codes (id, code_hash, batch_id, plan_id, minutes, image_credits_per_hour, video_credits_per_hour, amount,
                   currency, made_by, expires_at, redeemed_at, redeemed_by)
SELECT key(n), sha256(n::text::bytea), key(n / 100), 'flash', 60, 8, 1, 49, 'INR', 'Grace', now() + interval '1 day',
       CASE WHEN n % 2 = 0 THEN now() END, CASE WHEN n % 2 = 0 THEN key(n % 1000) END
  FROM generate_series(1, 100000) n;
UPDATE orders SET state = 'paid', paid_at = now() WHERE id = key(70000);
RESET session_replication_role;
ANALYZE users, orders, payment_events, codes;
"""
# Eight kilobytes each. A scan of the orders would be 2,900, one of the codes 1,900.
MOST_PAGES = 700
QUERIES = {
    "payments.find": {"id": "ORDER"},
    "payments.lock": {"id": "ORDER"},
    "payments.of_gateway": {"gateway": "stripe", "gateway_ids": ["page_700", "pay_no"]},
    "payments.of_gateway a payment": {"gateway": "razorpay", "gateway_ids": ["ch_no", "pay_99"]},
    "payments.of_gateway none": {"gateway": "stripe", "gateway_ids": ["cs_of_another_product"]},
    "payments.own": {"user_id": "USER", "before": None, "limit": 50},
    "payments.own later": {"user_id": "USER", "before": "ORDER", "limit": 50},
    "payments.newest": {"before": None, "limit": 50},
    "payments.newest later": {"before": "ORDER", "limit": 50},
    "payments.claim": {"gateways": ["stripe", "razorpay"], "mode": "live", "soon": 60.0, "limit": 20},
    "payments.claim_one": {"id": "ORDER", "soon": 60.0},
    "payments.make_due": {"id": "ORDER"},
    "payments.mark_expired": {"id": "ORDER"},
    "payments.mark_fulfilled": {"id": "PAID", "purchase_id": "NEW", "session_id": None},
    "payments.mark_refunded": {"id": "ORDER", "refunded": 100},
    "payments.mark_disputed": {"id": "ORDER"},
    "payments.add_event": {
        "id": "NEW",
        "gateway": "stripe",
        "outcome": "wrong-mode",
        "order_id": "ORDER",
        "details": "",
    },
    "payments.count_event": {"id": "NEW", "gateway": "stripe", "outcome": "bad-signature", "times": 3},
    "payments.events": {"limit": 50},
    "payments.last_event": {"gateway": "stripe"},
    "payments.export": {"user_id": "USER", "after": "00000000-0000-0000-0000-000000000000", "limit": 100},
    "codes.redeem": {"code_hash": b"no", "user_id": "USER"},
    "codes.find": {"code_hash": b"no"},
    "codes.exists": {"id": "ORDER"},
    "codes.revoke": {"id": "ORDER"},
    "codes.batches": {"before": None, "limit": 5},
    "codes.batches later": {"before": "SOME_BATCH", "limit": 5},
    "codes.of_batch": {"batch_id": "BATCH", "limit": 500},
    "codes.export": {"user_id": "USER", "after": "00000000-0000-0000-0000-000000000000", "limit": 100},
}


@pytest.fixture(scope="module")
async def many(postgres_server, database_url):
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await admin.execute(MANY)
    keys = {"USER": 8, "ORDER": 50_001, "BATCH": 700, "SOME_BATCH": 500, "PAID": 70_000}
    yield {name: str(await admin.fetchval("SELECT key($1)", number)) for name, number in keys.items()}
    await admin.close()


async def test_no_query_of_orders_reports_and_codes_reads_a_table_as_a_whole(database, many):
    queries, read = load_queries(paths.SQL / "queries"), {}
    for name, given in QUERIES.items():
        values = {
            key: {**many, "NEW": ids.new()}.get(value, value) if isinstance(value, str) else value
            for key, value in given.items()
        }
        query = queries[name.split()[0]]
        statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.sql}"
        [(plan,)] = await run_sql(database, statement, *query.arguments(values))
        found = json.loads(plan)[0]["Plan"]
        read[name] = found["Shared Hit Blocks"] + found["Shared Read Blocks"]
    assert {name: pages for name, pages in read.items() if pages > MOST_PAGES} == {}
