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
