-- What providers charge, exchange rates, and what came of them.

-- name: add_price
-- A price; without a time it is valid from now on.
INSERT INTO prices (id, provider, model, kind, unit, amount, currency, valid_from)
VALUES (:id, :provider, :model, :kind, :unit, :amount, :currency, coalesce(:valid_from::timestamptz, clock_timestamp()))
RETURNING *;

-- name: price_at
-- The price in effect at a time, or now: the model's own where it has one, otherwise that of the provider's other models.
SELECT * FROM prices
 WHERE provider = :provider AND kind = :kind AND model IN (:model, '')
   AND valid_from <= coalesce(:at::timestamptz, clock_timestamp())
 ORDER BY model = '', valid_from DESC, id DESC LIMIT 1;

-- name: prices
-- The newest prices by when they begin, each with whether it is in effect now.
SELECT p.*, p.valid_from <= clock_timestamp() AS has_begun,
       p.id = (SELECT e.id FROM prices e
                WHERE e.provider = p.provider AND e.kind = p.kind AND e.model = p.model
                  AND e.valid_from <= clock_timestamp()
                ORDER BY e.valid_from DESC, e.id DESC LIMIT 1) AS is_in_effect
  FROM prices p ORDER BY p.id DESC LIMIT :limit;

-- name: add_rate
-- An exchange rate; without a time it is valid from now on.
INSERT INTO exchange_rates (id, currency, base, rate, valid_from)
VALUES (:id, :currency, :base, :rate, coalesce(:valid_from::timestamptz, clock_timestamp()))
RETURNING *;

-- name: rate_at
-- The exchange rate in effect at a time, or now.
SELECT * FROM exchange_rates
 WHERE currency = :currency AND base = :base AND valid_from <= coalesce(:at::timestamptz, clock_timestamp())
 ORDER BY valid_from DESC, id DESC LIMIT 1;

-- name: rates
-- The newest exchange rates into one currency, the newest first.
SELECT r.*, r.valid_from <= clock_timestamp() AS has_begun,
       r.id = (SELECT e.id FROM exchange_rates e
                WHERE e.base = r.base AND e.currency = r.currency AND e.valid_from <= clock_timestamp()
                ORDER BY e.valid_from DESC, e.id DESC LIMIT 1) AS is_in_effect
  FROM exchange_rates r WHERE r.base = :base ORDER BY r.id DESC LIMIT :limit;

-- name: rates_in_effect
-- The exchange rate in effect now of each currency into one.
SELECT DISTINCT ON (currency) * FROM exchange_rates
 WHERE base = :base AND valid_from <= clock_timestamp()
 ORDER BY currency, valid_from DESC, id DESC;

-- name: all_rates
-- Every exchange rate into one currency, the newest first.
SELECT * FROM exchange_rates WHERE base = :base ORDER BY valid_from DESC, id DESC LIMIT 10000;

-- Revenue and margin ---------------------------------------------------------------------------------------------------

-- name: revenue
-- What came in and went back by period (the labels are days), plan and currency. What is granted free of charge, also by a code
-- without a price, or sold in test mode, which moves no money, is counted, and no revenue.
SELECT e.label::date AS day, e.plan_id, e.currency,
       coalesce(sum(e.amount) FILTER (WHERE e.kind = 'purchase' AND e.is_paid), 0) AS sold_amount,
       coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund' AND e.is_paid), 0) AS refunded_amount,
       count(*) FILTER (WHERE e.kind = 'purchase' AND e.is_paid AND e.amount > 0) AS sold,
       count(*) FILTER (WHERE e.kind = 'purchase' AND NOT (e.is_paid AND e.amount > 0)) AS free
  FROM (SELECT p.label, i.*, i.checkout <> 'instant' AND o.mode IS DISTINCT FROM 'test' AS is_paid
          FROM unnest(:starts::timestamptz[], :stops::timestamptz[], :labels::text[]) AS p (start, stop, label)
         CROSS JOIN LATERAL (SELECT * FROM revenue_entries r WHERE r.at >= p.start AND r.at < p.stop OFFSET 0) AS i
          LEFT JOIN orders o ON o.purchase_id = i.purchase_id) AS e
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: spent
-- What calls of providers cost by period (the labels are days), plan, model and currency; `done` of them made something.
SELECT label::date AS day, coalesce(plan_id, '') AS plan_id, provider, model, kind, currency, sum(cost) AS cost,
       sum(calls)::bigint AS calls, sum(calls - priced)::bigint AS unknown, sum(done)::bigint AS done
  FROM costs_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6;

-- name: spent_by_day
-- The same by day (the labels), kind and currency only.
SELECT label::date AS day, kind, currency, sum(cost) AS cost, sum(calls)::bigint AS calls, sum(calls - priced)::bigint AS unknown,
       sum(done)::bigint AS done
  FROM costs_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, kind, currency;

-- name: sales
-- The newest sales that were paid for, with what of them was given back, and whose they are where the account still exists.
SELECT e.purchase_id, e.plan_id, e.amount, e.currency, e.at, p.user_id,
       coalesce((SELECT -sum(r.amount) FROM revenue_entries r
                  WHERE r.purchase_id = e.purchase_id AND r.kind = 'refund'), 0) AS refunded
  FROM revenue_entries e LEFT JOIN purchases p ON p.id = e.purchase_id LEFT JOIN orders o ON o.purchase_id = e.purchase_id
 WHERE e.kind = 'purchase' AND e.checkout <> 'instant' AND o.mode IS DISTINCT FROM 'test' AND e.amount > 0
 ORDER BY e.at DESC LIMIT :limit;

-- name: lock_sale
-- Serialises the refunds of one purchase until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('refund ' || :purchase_id::text, 0));

-- name: sale
-- One sale that was paid for, with what of it was given back.
SELECT e.purchase_id, e.plan_id, e.checkout, e.amount, e.currency,
       coalesce((SELECT -sum(r.amount) FROM revenue_entries r
                  WHERE r.purchase_id = e.purchase_id AND r.kind = 'refund'), 0) AS refunded
  FROM revenue_entries e
 WHERE e.purchase_id = :purchase_id AND e.kind = 'purchase' AND e.checkout <> 'instant';

-- name: add_refund
-- A refund of a purchase, as an amount below 0.
INSERT INTO revenue_entries (id, kind, purchase_id, plan_id, checkout, amount, currency)
VALUES (:id, 'refund', :purchase_id, :plan_id, :checkout, :amount, :currency);

-- name: longest_seconds
-- The longest that a model has taken in a period: seconds of a clip, or of rendering a picture; NULL where it has made nothing.
SELECT max(longest)
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE provider = :provider AND model = :model AND kind = :kind AND outcome = 'done';

-- When to upgrade ------------------------------------------------------------------------------------------------------

-- name: add_flat_price
-- What a subscription or a machine of one's own costs a month; NULL: no longer to be compared with.
INSERT INTO flat_prices (id, kind, amount, currency) VALUES (:id, :kind, :amount, :currency);

-- name: flat_prices
-- The newest of each kind.
SELECT DISTINCT ON (kind) kind, amount, currency FROM flat_prices ORDER BY kind, id DESC;

-- name: active_users
-- How many people have written or had something made between two times; `first` and `last` are ids of these times.
SELECT count(*) FROM (
  SELECT user_id FROM messages WHERE id >= :first::uuid AND id < :last::uuid AND user_id IS NOT NULL
  UNION
  SELECT user_id FROM generation_attempts
   WHERE ended_at >= :start::timestamptz AND ended_at < :end::timestamptz AND user_id IS NOT NULL) AS active;

-- name: busiest_hour
-- The most calls of a provider in an hour by the clock (the labels), and how many hours of them reached an allowance.
SELECT coalesce(max(calls), 0)::bigint AS most, count(*) FILTER (WHERE calls >= :per_hour::integer) AS full_hours
  FROM (SELECT sum(calls) AS calls
          FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
         WHERE provider = :provider GROUP BY label) AS hours;
