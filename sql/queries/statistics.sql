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
