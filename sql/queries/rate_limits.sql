-- Budgets of people: the newest moments of each kind, as many as are allowed in a span. The row is locked until the end of
-- the transaction, so whoever counts something else of the same person after it counts exactly.

-- name: consume
-- Counts this moment where there is room (0: always); no row where there is none.
INSERT INTO budgets AS b (user_id, kind, times) VALUES (coalesce(:user_id::uuid, app_user_id()), :kind, ARRAY[clock_timestamp()])
ON CONFLICT (user_id, kind) DO UPDATE
   SET times = (b.times || clock_timestamp())[greatest(cardinality(b.times) + 2 - :most::integer, 1):]
 WHERE :most = 0 OR cardinality(b.times) < :most
    OR b.times[cardinality(b.times) + 1 - :most] <= clock_timestamp() - make_interval(secs => :seconds::float8)
RETURNING true;

-- name: wait
-- Seconds until there is room again.
SELECT extract(epoch FROM times[cardinality(times) + 1 - :most::integer] - clock_timestamp())::float8 + :seconds::float8
  FROM budgets WHERE user_id = coalesce(:user_id::uuid, app_user_id()) AND kind = :kind;

-- name: sweep
-- Forgets what nobody did for a day: no span is longer.
DELETE FROM budgets WHERE coalesce(times[cardinality(times)], '-infinity') < now() - interval '1 day';
