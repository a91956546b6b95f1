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
-- Keeps the call of a worker that is gone, from the row of its generation. Its cost is unknown, but of what costs nothing.
INSERT INTO generation_attempts (id, generation_id, attempt, session_id, user_id, plan_id, kind, provider, model,
                                 started_at, ended_at, outcome, error_code, blame, width, height, cost)
SELECT gen_random_uuid(), g.id, g.attempt, g.session_id, g.user_id, s.plan_id, g.kind, coalesce(g.calling, g.provider),
       CASE WHEN g.provider = coalesce(g.calling, g.provider) THEN g.model ELSE '' END,
       coalesce(g.started_at, clock_timestamp()), clock_timestamp(), 'lost', :error_code, 'ours', g.width, g.height,
       CASE WHEN coalesce(g.calling, g.provider) = ANY(:free_providers::text[]) THEN 0 END
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
-- All calls of a period. `measured`: of those done, which were kept at the time, as failed ones were; what was made before
-- has no times.
SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(calls) FILTER (WHERE outcome = 'done'), 0)::bigint AS done,
       coalesce(sum(measured) FILTER (WHERE outcome = 'done'), 0)::bigint AS measured,
       coalesce(sum(calls) FILTER (WHERE outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(calls) FILTER (WHERE outcome = 'cancelled'), 0)::bigint AS cancelled,
       coalesce(sum(calls) FILTER (WHERE outcome = 'lost'), 0)::bigint AS lost
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[]);

-- name: people
-- How many people calls were made for, by label: those with a number are bits, the others are counted beside.
SELECT label, sum(coalesce(bit_count(people), 0) + others)::bigint AS people
  FROM (SELECT label, chunk, bit_or(people) AS people, count(DISTINCT user_id) FILTER (WHERE chunk IS NULL) AS others
          FROM attempt_people_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
         GROUP BY label, chunk) AS chunks
 GROUP BY label;

-- name: by_model
-- The calls of a period by kind, provider and model.
SELECT kind, provider, model, sum(calls)::bigint AS calls,
       coalesce(sum(calls) FILTER (WHERE outcome = 'done'), 0)::bigint AS done,
       coalesce(sum(measured) FILTER (WHERE outcome = 'done'), 0)::bigint AS measured,
       coalesce(sum(calls) FILTER (WHERE outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(calls) FILTER (WHERE outcome = 'cancelled'), 0)::bigint AS cancelled,
       coalesce(sum(calls) FILTER (WHERE outcome = 'lost'), 0)::bigint AS lost
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY kind, provider, model ORDER BY calls DESC, kind, provider, model LIMIT :limit;

-- name: exact_times
-- The seconds that the successful calls of a period took by kind, provider and model: median and 95 %.
SELECT kind, provider, model,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) AS waited,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY loading) AS loading,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY rendering) AS rendering
  FROM generation_attempts WHERE ended_at >= :start AND ended_at < :end AND outcome = 'done' GROUP BY kind, provider, model;

-- name: histograms
-- The same of a period with many calls, as histograms.
SELECT kind, provider, model, sum(waited)::text AS waited, sum(loading)::text AS loading, sum(rendering)::text AS rendering
  FROM attempt_times_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY kind, provider, model;

-- name: errors
-- What went wrong in a period, by whose fault it was.
SELECT blame, error_code AS error, provider, sum(calls)::bigint AS calls, max(last_at) AS last
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE blame IS NOT NULL GROUP BY blame, error_code, provider ORDER BY calls DESC, error, provider LIMIT :limit;

-- name: daily
-- The calls of each day by outcome; days are labels.
SELECT label AS day, sum(calls)::bigint AS calls,
       coalesce(sum(calls) FILTER (WHERE outcome = 'done'), 0)::bigint AS done,
       coalesce(sum(calls) FILTER (WHERE outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(calls) FILTER (WHERE outcome IN ('cancelled', 'lost')), 0)::bigint AS other
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label;

-- name: credits
-- Credits of a period by plan: held, spent, returned and given by an operator.
SELECT plan_id AS plan, kind, sum(held)::bigint AS held, sum(spent)::bigint AS spent, sum(returned)::bigint AS returned,
       sum(given)::bigint AS given
  FROM credits_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY plan_id, kind ORDER BY plan_id, kind;

-- name: sold
-- What was sold in a period by plan: new sessions and more time, with what was paid, which is nothing for those that are granted
-- free of charge or sold in test mode (`costs` leaves them out alike). The books keep what deleted accounts have bought; which
-- sessions these were nobody knows any more. Sessions are grouped first, by hashing, since count(DISTINCT) sorts.
SELECT plan_id AS plan, checkout, sum(purchases)::bigint AS purchases, count(session_id) AS sessions, sum(amount) AS amount, currency
  FROM (SELECT e.plan_id, e.checkout, e.currency, p.session_id, count(*) AS purchases,
               coalesce(sum(e.amount) FILTER (WHERE e.checkout <> 'instant' AND o.mode IS DISTINCT FROM 'test'), 0) AS amount
          FROM revenue_entries e LEFT JOIN purchases p ON p.id = e.purchase_id LEFT JOIN orders o ON o.purchase_id = e.purchase_id
         WHERE e.kind = 'purchase' AND e.at >= :start AND e.at < :end
         GROUP BY e.plan_id, e.checkout, e.currency, p.session_id) AS of_sessions
 GROUP BY plan_id, checkout, currency ORDER BY plan_id, checkout, currency;

-- name: per_session
-- How much was made in each of the sessions that ended in a period, by plan.
SELECT plan_id AS plan, count(*) AS sessions, round(avg(images_generated), 2) AS images,
       round(avg(videos_generated), 2) AS videos
  FROM user_sessions WHERE expires_at >= :start AND expires_at < :end GROUP BY plan_id ORDER BY plan_id;

-- name: record_reply
-- Keeps one reply, with the plan of its session.
INSERT INTO reply_calls (id, plan_id, provider, model, outcome, error_code, first_token, seconds, tokens_in, tokens_out, cost,
                         currency, price_id)
SELECT :id, (SELECT plan_id FROM user_sessions WHERE id = :session_id), :provider, :model, :outcome, :error_code,
       :first_token, :seconds, :tokens_in, :tokens_out, :cost, :currency, :price_id;

-- name: replies
-- The replies of a period by service and model; a cost in several currencies is not summed up.
SELECT provider, model, sum(replies)::bigint AS replies,
       coalesce(sum(replies) FILTER (WHERE outcome = 'done'), 0)::bigint AS done,
       coalesce(sum(replies) FILTER (WHERE outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(replies) FILTER (WHERE outcome = 'stopped'), 0)::bigint AS stopped,
       sum(tokens_in)::bigint AS tokens_in, sum(tokens_out)::bigint AS tokens_out,
       CASE WHEN count(DISTINCT currency) <= 1 THEN sum(cost) FILTER (WHERE priced > 0) END AS cost,
       coalesce(min(currency), '') AS currency, sum(replies - priced)::bigint AS unknown
  FROM replies_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY provider, model ORDER BY replies DESC, provider, model LIMIT :limit;

-- name: exact_reply_times
-- The seconds to the first text of the replies of a period, and of those done to the end, by service and model: median and 95 %.
SELECT provider, model, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_token) AS first_token,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE outcome = 'done') AS seconds
  FROM reply_calls WHERE ended_at >= :start AND ended_at < :end GROUP BY provider, model;

-- name: reply_histograms
-- The same of a period with many replies, as histograms.
SELECT provider, model, sum(first_token)::text AS first_token, sum(seconds)::text AS seconds
  FROM reply_times_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY provider, model;

-- Calls ----------------------------------------------------------------------------------------------------------------

-- name: call_ended_at
-- When a call ended.
SELECT ended_at FROM generation_attempts WHERE id = :id;

-- name: days_of_calls
-- The days (labels) that have calls which fit.
SELECT label AS day, sum(calls)::bigint AS calls
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE (:kind::text IS NULL OR kind = :kind) AND (:provider::text IS NULL OR provider = :provider)
   AND (:model::text IS NULL OR model = :model) AND (:outcome::text IS NULL OR outcome = :outcome)
   AND (:error::text IS NULL OR error_code = :error) AND (:blame::text IS NULL OR blame = :blame)
   AND (:plan::text IS NULL OR plan_id = :plan)
 GROUP BY label;

-- name: calls
-- The newest calls of a day that fit, those older than one of them where it is given.
SELECT id, started_at, ended_at, kind, provider, model, outcome, error_code AS error, blame, plan_id AS plan, attempt, waited,
       loading, rendering, width, height, cost, currency
  FROM generation_attempts
 WHERE ended_at >= :start::timestamptz AND ended_at < :stop::timestamptz
   AND (:before::uuid IS NULL
        OR (ended_at, id) < (SELECT b.ended_at, b.id FROM generation_attempts b WHERE b.id = :before::uuid))
   AND (:kind::text IS NULL OR kind = :kind) AND (:provider::text IS NULL OR provider = :provider)
   AND (:model::text IS NULL OR model = :model) AND (:outcome::text IS NULL OR outcome = :outcome)
   AND (:error::text IS NULL OR error_code = :error) AND (:blame::text IS NULL OR blame = :blame)
   AND (:plan::text IS NULL OR plan_id = :plan)
 ORDER BY ended_at DESC, id DESC LIMIT :limit;

-- name: reply_ended_at
-- When a reply ended.
SELECT ended_at FROM reply_calls WHERE id = :id;

-- name: days_of_replies
-- The days (labels) that have replies which fit.
SELECT label AS day, sum(replies)::bigint AS calls
  FROM replies_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE (:provider::text IS NULL OR provider = :provider) AND (:model::text IS NULL OR model = :model)
   AND (:outcome::text IS NULL OR outcome = :outcome) AND (:error::text IS NULL OR error_code = :error)
   AND (:plan::text IS NULL OR plan_id = :plan)
 GROUP BY label;

-- name: reply_rows
-- The newest replies of a day that fit, those older than one of them where it is given.
SELECT id, ended_at, provider, model, outcome, error_code AS error, plan_id AS plan, first_token AS first_words, seconds, tokens_in,
       tokens_out, cost, currency
  FROM reply_calls
 WHERE ended_at >= :start::timestamptz AND ended_at < :stop::timestamptz
   AND (:before::uuid IS NULL
        OR (ended_at, id) < (SELECT b.ended_at, b.id FROM reply_calls b WHERE b.id = :before::uuid))
   AND (:provider::text IS NULL OR provider = :provider) AND (:model::text IS NULL OR model = :model)
   AND (:outcome::text IS NULL OR outcome = :outcome) AND (:error::text IS NULL OR error_code = :error)
   AND (:plan::text IS NULL OR plan_id = :plan)
 ORDER BY ended_at DESC, id DESC LIMIT :limit;
