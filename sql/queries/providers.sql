-- The limits of the providers: what all workers together may ask of them, and when.

-- name: add_missing
-- The rows of these providers, where they are missing.
INSERT INTO provider_gates (name) SELECT unnest(:names::text[]) ON CONFLICT (name) DO NOTHING;

-- name: lock
-- Locks the rows of these providers: permits are acquired one after the other, and the next statement sees them.
SELECT name FROM provider_gates WHERE name = ANY(:names::text[]) ORDER BY name FOR UPDATE;

-- name: states
-- The state of these providers. `hour_seconds` is when the hour has room again: the call that is as many numbers ago as an
-- hour takes must be an hour old.
SELECT g.name, g.paused, g.tripped, g.calls_made, g.position,
       coalesce(extract(epoch FROM g.closed_until - clock_timestamp()), 0)::float8 AS closed_seconds,
       (SELECT count(*) FROM generations j
         WHERE j.lease_until IS NOT NULL AND j.lease_until > clock_timestamp() AND j.calling = g.name) AS running,
       coalesce((SELECT extract(epoch FROM c.started_at + interval '1 hour' - clock_timestamp()) FROM provider_calls c
                  WHERE c.provider = g.name AND c.number = g.calls_made - a.per_hour + 1), 0)::float8 AS hour_seconds
  FROM unnest(:names::text[], :per_hour::integer[]) AS a(name, per_hour) JOIN provider_gates g USING (name);

-- name: acquire
-- One more call, with its number; `half_open`: the provider has failed lately. The caller holds the lock.
WITH taken AS (
  UPDATE provider_gates SET calls_made = calls_made + 1 WHERE name = :name
  RETURNING name, calls_made, tripped OR strikes > 0 AS half_open
), noted AS (
  INSERT INTO provider_calls (provider, number) SELECT name, calls_made FROM taken
)
SELECT calls_made AS number, half_open FROM taken;

-- name: set_calling
-- The provider that an attempt calls, under its fence; NULL gives its permit up.
UPDATE generations SET calling = :provider
 WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL
RETURNING id;

-- name: record_success
-- The provider is well again.
UPDATE provider_gates SET tripped = false, strikes = 0 WHERE name = :name AND (tripped OR strikes > 0);

-- name: fail_call
-- Notes that a call failed.
UPDATE provider_calls SET failed_at = clock_timestamp() WHERE provider = :name AND number = :number;

-- name: note_error
-- What went wrong last, for the operator.
UPDATE provider_gates SET last_error_code = :code, last_error_at = clock_timestamp() WHERE name = :name;

-- name: open_breaker
-- Opens the breaker: after too many failures in its window, or after one in a trial. Each time in a row twice as long.
UPDATE provider_gates
   SET tripped = true, strikes = strikes + 1,
       closed_until = clock_timestamp() + make_interval(secs => :rest_seconds::float8 * power(2, least(strikes, 4)))
 WHERE name = :name AND coalesce(closed_until, '-infinity') <= clock_timestamp()
   AND (tripped OR (SELECT count(*) FROM provider_calls
                     WHERE provider = :name
                       AND failed_at > clock_timestamp() - make_interval(secs => :window_seconds::float8)) >= :failures)
RETURNING extract(epoch FROM closed_until - clock_timestamp())::float8 AS seconds;

-- name: close
-- Closes for as long as the service asked, or for a pause that doubles with each closing in a row.
UPDATE provider_gates
   SET strikes = strikes + (coalesce(closed_until, '-infinity') <= clock_timestamp())::integer,
       closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs =>
         coalesce(:seconds::float8, :pause_seconds::float8 * power(2, least(strikes, 6)) * (0.75 + random() / 2))))
 WHERE name = :name
RETURNING extract(epoch FROM closed_until - clock_timestamp())::float8 AS seconds;

-- name: pause
-- The operator's switch.
INSERT INTO provider_gates (name, paused) VALUES (:name, :paused)
ON CONFLICT (name) DO UPDATE
   SET paused = :paused, closed_until = CASE WHEN :paused THEN provider_gates.closed_until END,
       tripped = provider_gates.tripped AND :paused, strikes = CASE WHEN :paused THEN provider_gates.strikes ELSE 0 END;

-- name: set_order
-- The operator's order of fall-back.
INSERT INTO provider_gates (name, position)
SELECT name, position FROM unnest(:names::text[]) WITH ORDINALITY AS o(name, position)
ON CONFLICT (name) DO UPDATE SET position = excluded.position;

-- name: hour
-- The calls of the last hour, the oldest first: their numbers, and the seconds until each is an hour old.
SELECT number, extract(epoch FROM started_at + interval '1 hour' - clock_timestamp())::float8 AS seconds
  FROM provider_calls WHERE provider = :name AND started_at > clock_timestamp() - interval '1 hour'
 ORDER BY number LIMIT 500;

-- name: list
-- Every provider as the operator sees it.
SELECT g.name, g.paused, g.tripped, g.position, g.last_error_code, g.last_error_at,
       coalesce(extract(epoch FROM g.closed_until - clock_timestamp()), 0)::float8 AS closed_seconds,
       (SELECT count(*) FROM provider_calls c
         WHERE c.provider = g.name AND c.started_at > clock_timestamp() - interval '1 hour') AS calls,
       (SELECT count(*) FROM generations j
         WHERE j.lease_until IS NOT NULL AND j.lease_until > clock_timestamp() AND j.calling = g.name) AS running
  FROM provider_gates g ORDER BY g.name;

-- name: prune
-- Calls that no limit counts any more.
DELETE FROM provider_calls
 WHERE (provider, number) IN (SELECT provider, number FROM provider_calls
                               WHERE started_at < clock_timestamp() - interval '65 minutes'
                               ORDER BY started_at LIMIT 5000);

-- name: bring_forward
-- After the clock was set back by so many seconds: pauses of providers.
UPDATE provider_gates SET closed_until = closed_until - make_interval(secs => :seconds::float8)
 WHERE closed_until > clock_timestamp();

-- name: bring_calls_forward
-- After the clock was set back by so many seconds: the calls that limits count.
UPDATE provider_calls
   SET started_at = started_at - make_interval(secs => :seconds::float8),
       failed_at = failed_at - make_interval(secs => :seconds::float8)
 WHERE started_at > clock_timestamp() OR failed_at > clock_timestamp();
