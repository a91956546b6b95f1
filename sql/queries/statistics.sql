-- Calls of providers: what was asked, how long it took, how it ended, what it cost.

-- name: record
-- Keeps one call. Who had asked is read from the generation, where it still exists; a call that nobody waited for was lost
-- unless its generation is cancelled.
INSERT INTO generation_attempts (id, generation_id, attempt, session_id, user_id, plan_id, kind, provider, model,
                                 started_at, ended_at, waited, loading, rendering, outcome, error_code, blame, width, height,
                                 duration, cost, currency, price_id)
SELECT :id, g.id, :attempt, g.session_id, g.user_id, s.plan_id, :kind, :provider, :model, :started_at, :ended_at,
       CASE WHEN :is_first THEN greatest(extract(epoch FROM g.started_at - g.not_before), 0) ELSE 0 END + :queued::float8,
       :loading, :rendering,
       CASE WHEN :outcome = 'cancelled' AND g.status IS DISTINCT FROM 'cancelled' THEN 'lost' ELSE :outcome END,
       :error_code, :blame, :width, :height, :duration, :cost, :currency, :price_id
  FROM (VALUES (:generation_id::uuid)) AS asked (id)
  LEFT JOIN generations g ON g.id = asked.id
  LEFT JOIN user_sessions s ON s.id = g.session_id
    ON CONFLICT (id) DO NOTHING;

-- name: record_lost
-- Keeps the call of a worker that is gone, from the row of its generation.
INSERT INTO generation_attempts (id, generation_id, attempt, session_id, user_id, plan_id, kind, provider, model,
                                 started_at, ended_at, outcome, error_code, blame, width, height)
SELECT gen_random_uuid(), g.id, g.attempt, g.session_id, g.user_id, s.plan_id, g.kind, coalesce(g.calling, g.provider),
       CASE WHEN g.provider = coalesce(g.calling, g.provider) THEN g.model ELSE '' END,
       coalesce(g.started_at, clock_timestamp()), clock_timestamp(), 'lost', :error_code, 'ours', g.width, g.height
  FROM generations g JOIN user_sessions s ON s.id = g.session_id
 WHERE g.id = :generation_id AND g.lease_until IS NOT NULL
   AND NOT EXISTS (SELECT FROM generation_attempts a WHERE a.generation_id = g.id AND a.attempt = g.attempt);

-- name: forget_session
-- Takes a session out of the calls that were made for it.
UPDATE generation_attempts SET session_id = NULL, user_id = NULL, generation_id = NULL WHERE session_id = :session_id;

-- name: forget_user
-- Takes a user out of the calls that were made for them.
UPDATE generation_attempts SET user_id = NULL, session_id = NULL, generation_id = NULL WHERE user_id = :user_id;

-- name: totals
-- All calls of a period, and how many people they were made for. `measured`: of those done, which were kept at the time, as
-- failed ones were; what was made before has no times.
SELECT count(*) AS calls, count(*) FILTER (WHERE outcome = 'done') AS done,
       count(*) FILTER (WHERE outcome = 'done' AND loading IS NOT NULL) AS measured,
       count(*) FILTER (WHERE outcome = 'failed') AS failed, count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE outcome = 'lost') AS lost, count(DISTINCT user_id) AS people
  FROM generation_attempts WHERE ended_at >= :start AND ended_at < :end;

-- name: by_model
-- The calls of a period by kind, provider and model, with the seconds that the successful ones took.
SELECT kind, provider, model, count(*) AS calls, count(*) FILTER (WHERE outcome = 'done') AS done,
       count(*) FILTER (WHERE outcome = 'done' AND loading IS NOT NULL) AS measured,
       count(*) FILTER (WHERE outcome = 'failed') AS failed, count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE outcome = 'lost') AS lost,
       (percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) FILTER (WHERE outcome = 'done')) AS waited,
       (percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY loading) FILTER (WHERE outcome = 'done')) AS loading,
       (percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY rendering) FILTER (WHERE outcome = 'done')) AS rendering
  FROM generation_attempts WHERE ended_at >= :start AND ended_at < :end
 GROUP BY kind, provider, model ORDER BY calls DESC, kind, provider, model LIMIT :limit;

-- name: errors
-- What went wrong in a period, by whose fault it was.
SELECT blame, error_code AS error, provider, count(*) AS calls, max(ended_at) AS last
  FROM generation_attempts WHERE ended_at >= :start AND ended_at < :end AND blame IS NOT NULL
 GROUP BY blame, error_code, provider ORDER BY calls DESC, error, provider LIMIT :limit;

-- name: daily
-- Each day of a period in a time zone: calls by outcome, and the people they were made for.
SELECT to_char(day, 'YYYY-MM-DD') AS day, count(a.id) AS calls, count(a.id) FILTER (WHERE outcome = 'done') AS done,
       count(a.id) FILTER (WHERE outcome = 'failed') AS failed,
       count(a.id) FILTER (WHERE outcome IN ('cancelled', 'lost')) AS other, count(DISTINCT a.user_id) AS people
  FROM generate_series(date_trunc('day', :start::timestamptz AT TIME ZONE :zone::text),
                       date_trunc('day', :end::timestamptz AT TIME ZONE :zone), interval '1 day') AS days (day)
  LEFT JOIN generation_attempts a ON a.ended_at >= :start AND a.ended_at < :end
        AND date_trunc('day', a.ended_at AT TIME ZONE :zone) = day
 GROUP BY day ORDER BY day;

-- name: credits
-- Credits of a period by plan: held, spent, returned and given by an operator.
SELECT s.plan_id AS plan, e.kind, count(*) FILTER (WHERE e.action = 'hold') AS held,
       count(*) FILTER (WHERE e.action = 'capture') AS spent, count(*) FILTER (WHERE e.action = 'release') AS returned,
       count(*) FILTER (WHERE e.action = 'grant') AS given
  FROM credit_entries e JOIN user_sessions s ON s.id = e.session_id
 WHERE e.created_at >= :start AND e.created_at < :end
 GROUP BY s.plan_id, e.kind ORDER BY s.plan_id, e.kind;

-- name: sold
-- What was sold in a period by plan: new sessions and more time, with what was paid.
SELECT plan_id AS plan, checkout, count(*) AS purchases, count(DISTINCT session_id) AS sessions, sum(amount) AS amount, currency
  FROM purchases WHERE created_at >= :start AND created_at < :end
 GROUP BY plan_id, checkout, currency ORDER BY plan_id, checkout, currency;

-- name: per_session
-- How much was made in each of the sessions that ended in a period, by plan.
SELECT plan_id AS plan, count(*) AS sessions, round(avg(images_generated), 2) AS images,
       round(avg(videos_generated), 2) AS videos
  FROM user_sessions WHERE expires_at >= :start AND expires_at < :end GROUP BY plan_id ORDER BY plan_id;
