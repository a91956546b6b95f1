-- Generations: each row is a tile in a message and an entry of the job queue.

-- name: insert
-- New generations, queued, from rows of the columns' names; as `messages.generations_of` reads them.
SELECT *, false AS credit_returned, NULL::float8 AS eta_seconds FROM add_generations(:rows);

-- name: create_at_once
-- A message with its waiting generations and their credits, in a transaction of its own: its generations, as
-- `messages.generations_of` reads them, each with the message and the session's balances; no row where it takes the verb.
SELECT (made).*, false AS credit_returned, NULL::float8 AS eta_seconds, message, balances
  FROM create_at_once(:user_id, :session_id, :message_id, :client_id, :request_hash, :kind, :text, :rows, :rules_version,
                      :most, :seconds, :most_waiting);

-- name: find
-- One generation.
SELECT * FROM generations WHERE id = :generation_id;

-- name: lock
-- One generation, locked until the end of the transaction.
SELECT * FROM generations WHERE id = :generation_id FOR UPDATE;

-- name: count_waiting
-- How many generations of one user are queued, over all sessions.
SELECT count(*) FROM generations WHERE user_id = :user_id AND status = 'queued';

-- name: next_number
-- The number of the next version in a message.
SELECT coalesce(max(number), 0) + 1 FROM generations WHERE message_id = :message_id;

-- name: by_client_id
-- The version that the user asked for before with this client_id; a row without an id where it was deleted.
SELECT id, request_hash FROM generations
 WHERE session_id = :session_id AND user_id = app_user_id() AND client_id = :client_id
UNION ALL
SELECT NULL, NULL FROM deleted_client_ids
 WHERE session_id = :session_id AND user_id = app_user_id() AND kind = 'version' AND client_id = :client_id;

-- name: active_child
-- A version of this generation that has not ended: pressing the button twice makes one.
SELECT id, width, height FROM generations
 WHERE parent_id = :generation_id AND status IN ('queued', 'model-loading', 'rendering')
 ORDER BY id LIMIT 1;

-- name: source_asset
-- A picture to change: of this session, or of any other that the user made or uploaded.
SELECT id, storage_key, width, height FROM assets
 WHERE id = :asset_id AND (session_id = :session_id OR user_id = app_user_id()) AND kind = 'image' AND status = 'stored';

-- name: keep_mask
-- Keeps a mask with new generations.
INSERT INTO generation_masks (generation_id, mask) SELECT unnest(:generation_ids::uuid[]), :mask;

-- name: copy_mask
-- Keeps the mask of a generation with a new version of it.
INSERT INTO generation_masks (generation_id, mask)
SELECT :generation_id, mask FROM generation_masks WHERE generation_id = :parent_id;

-- name: mask
-- Which part of its source a generation may change.
SELECT mask FROM generation_masks WHERE generation_id = :generation_id;

-- name: picture_of
-- The stored picture of a generation.
SELECT id FROM assets WHERE generation_id = :generation_id AND kind = 'image' AND status = 'stored' LIMIT 1;

-- name: results_of
-- The finished pictures that were made from a picture, the newest first.
SELECT a.*, EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM generations g JOIN assets a ON a.generation_id = g.id AND a.status = 'stored'
 WHERE g.source_asset_id = :asset_id ORDER BY g.id DESC LIMIT :limit;

-- name: rights
-- A user's relation to a generation: its requester, the owner of its session, or a member who only sees it. No row for
-- others. As the worker role, since a member who has left may still delete their own.
SELECT g.id, g.session_id, g.message_id, g.kind, g.parent_id, g.user_id = u.id AS asked,
       coalesce(m.user_id = u.id, false) AS wrote, s.user_id = u.id AS owns
  FROM generations g
  JOIN messages m ON m.id = g.message_id
  JOIN user_sessions s ON s.id = g.session_id AND s.status <> 'deleted'
  JOIN users u ON u.id = :viewer_id AND u.status = 'active'
 WHERE g.id = :generation_id
   AND (g.user_id = u.id OR s.user_id = u.id
        OR EXISTS (SELECT 1 FROM session_members o WHERE o.session_id = s.id AND o.user_id = u.id AND o.left_at IS NULL));

-- name: of_asset
-- Where a stored file came from: its generation, or an upload.
SELECT generation_id, origin FROM assets WHERE id = :asset_id AND status = 'stored';

-- name: adopt
-- Before a generation is deleted: its versions become versions of its own parent, or of the first among them.
UPDATE generations g
   SET parent_id = CASE WHEN :parent_id::uuid IS NOT NULL THEN :parent_id::uuid WHEN g.id <> heir.id THEN heir.id END
  FROM (SELECT id FROM generations WHERE parent_id = :generation_id ORDER BY number LIMIT 1) AS heir
 WHERE g.parent_id = :generation_id;

-- name: is_any_due
-- Whether any generation is queued that may run now.
SELECT EXISTS (SELECT 1 FROM generations
                WHERE status = 'queued' AND lease_until IS NULL AND not_before <= clock_timestamp());

-- name: claim
-- Takes the next job under a lease, of the tasks that have a free provider (`tasks` and `providers` are its pairs): the person with the fewest running goes first, then
-- the one whose last turn is longest ago; among the sessions of that person likewise; then the oldest job. Only the first of each
-- person in each session can be next, and an index leads from one to the other. SKIP LOCKED keeps two workers from taking
-- the same one. Time that a job waited for a free call is not held against it.
WITH RECURSIVE lines (user_id, session_id) AS (
  (SELECT user_id, session_id FROM generations WHERE status = 'queued' ORDER BY user_id, session_id LIMIT 1)
  UNION ALL
  SELECT n.user_id, n.session_id
    FROM lines l
   CROSS JOIN LATERAL (
     SELECT g.user_id, g.session_id FROM generations g
      WHERE g.status = 'queued' AND (g.user_id, g.session_id) > (l.user_id, l.session_id)
      ORDER BY g.user_id, g.session_id LIMIT 1) n
), running AS (
  SELECT user_id, session_id FROM generations WHERE lease_until IS NOT NULL
), people AS MATERIALIZED (
  SELECT p.user_id, (SELECT count(*) FROM running r WHERE r.user_id = p.user_id) AS running,
         (SELECT max(o.started_at) FROM generations o WHERE o.user_id = p.user_id) AS last_turn
    FROM (SELECT DISTINCT user_id FROM lines) p
), waiting AS (
  SELECT f.id, p.running AS of_person, p.last_turn AS persons_turn,
         (SELECT count(*) FROM running r WHERE r.session_id = l.session_id) AS of_session,
         (SELECT max(o.started_at) FROM generations o WHERE o.session_id = l.session_id) AS sessions_turn
    FROM lines l
    JOIN people p USING (user_id)
   CROSS JOIN LATERAL (
     SELECT g.id FROM generations g
      WHERE g.status = 'queued' AND g.user_id = l.user_id AND g.session_id = l.session_id
        AND g.lease_until IS NULL AND g.not_before <= clock_timestamp()
        AND generation_task(g.kind, g.change, g.enlargement) = ANY(:tasks::text[])
      ORDER BY g.id LIMIT 1) f
)
UPDATE generations
   SET status = 'model-loading', attempt = attempt + 1, worker_id = :worker_id,
       calling = (:providers::text[])[array_position(:tasks::text[], generation_task(kind, change, enlargement))],
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8),
       started_at = clock_timestamp(), fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL,
       deadline_at = coalesce(deadline_at + (clock_timestamp() - not_before), clock_timestamp() +
                              CASE kind WHEN 'video' THEN interval '60 minutes' ELSE interval '10 minutes' END)
 WHERE id = (SELECT g.id FROM generations g JOIN waiting w USING (id)
              WHERE g.status = 'queued' AND g.lease_until IS NULL
              ORDER BY w.of_person, w.persons_turn NULLS FIRST, w.of_session, w.sessions_turn NULLS FIRST, g.id
              LIMIT 1 FOR UPDATE OF g SKIP LOCKED)
RETURNING *, extract(epoch FROM deadline_at - clock_timestamp())::float8 AS seconds_left;

-- name: set_stage
-- Writes a new stage, under the fence; no row means that the lease is lost.
UPDATE generations
   SET status = :status, provider = :provider, model = :model, fraction = NULL, step = NULL, step_count = NULL,
       eta_at = clock_timestamp() + make_interval(secs => :eta_seconds::float8),
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
 WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL
RETURNING id;

-- name: save_progress
-- Writes the progress and extends the lease, under the fence; no row means that the lease is lost.
UPDATE generations
   SET fraction = :fraction, step = :step, step_count = :steps,
       eta_at = clock_timestamp() + make_interval(secs => :eta_seconds::float8),
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
 WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL
RETURNING id;

-- name: finish
-- Marks it as done, under the fence.
UPDATE generations
   SET status = 'done', finished_at = clock_timestamp(), lease_until = NULL, worker_id = NULL, seed = :seed,
       provider = :provider, model = :model, width = :width, height = :height,
       fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL
 WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL
RETURNING message_id, session_id, kind;

-- name: fail
-- Marks it as failed, under the fence; `attempt` NULL where the caller holds the row's lock instead.
UPDATE generations
   SET status = 'failed', finished_at = clock_timestamp(), lease_until = NULL, worker_id = NULL,
       error_code = :code, error_message = :message, fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL,
       retry_at = clock_timestamp() + make_interval(secs => :retry_after::float8)
 WHERE id = :generation_id AND status IN ('queued', 'model-loading', 'rendering')
   AND (:attempt::integer IS NULL OR (attempt = :attempt AND lease_until IS NOT NULL))
RETURNING message_id, session_id;

-- name: requeue
-- Puts it back into the queue, under the fence: after a fault, a rate limit or a shutdown.
UPDATE generations
   SET status = 'queued', lease_until = NULL, worker_id = NULL, started_at = NULL, faults = faults + :faults::integer,
       not_before = clock_timestamp() + make_interval(secs => :wait_seconds::float8),
       fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL
 WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL
RETURNING message_id;

-- name: cancel
-- Cancels those of these generations that have not ended, whoever holds the lease: a worker finds its lease gone.
UPDATE generations
   SET status = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL, worker_id = NULL,
       fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL
 WHERE id = ANY(:generation_ids::uuid[]) AND status IN ('queued', 'model-loading', 'rendering')
RETURNING id, message_id, session_id;

-- name: lost
-- Jobs whose lease or time has run out; each is checked again under its lock.
WITH leased AS MATERIALIZED (
  SELECT id, session_id, kind FROM generations WHERE lease_until < clock_timestamp() LIMIT 20
), forgotten AS MATERIALIZED (
  SELECT id, session_id, kind FROM generations
   WHERE status = 'queued' AND lease_until IS NULL AND created_at < now() - interval '24 hours' LIMIT 20
)
SELECT * FROM leased UNION ALL SELECT * FROM forgotten ORDER BY id LIMIT 20;

-- name: lock_lost
-- One of them, locked until the end of the transaction; no row where it is not one any more.
SELECT id, message_id, session_id, attempt, faults, lease_until IS NOT NULL AS leased,
       coalesce(deadline_at <= clock_timestamp(), false) AS too_late
  FROM generations
 WHERE id = :generation_id
   AND (lease_until < clock_timestamp()
        OR (status = 'queued' AND lease_until IS NULL AND created_at < now() - interval '24 hours'))
   FOR UPDATE;

-- name: holders
-- The workers that hold leases now.
SELECT DISTINCT worker_id FROM generations WHERE lease_until IS NOT NULL
UNION
SELECT DISTINCT worker_id FROM messages WHERE status = 'streaming' AND lease_until IS NOT NULL;

-- name: drop_leases
-- Ends the leases of dead workers on generations.
UPDATE generations SET lease_until = clock_timestamp() - interval '1 second'
 WHERE worker_id = ANY(:worker_ids::text[]) AND lease_until IS NOT NULL;

-- name: drop_reply_leases
-- Ends the leases of dead workers on replies.
UPDATE messages SET lease_until = clock_timestamp() - interval '1 second'
 WHERE status = 'streaming' AND worker_id = ANY(:worker_ids::text[]) AND lease_until IS NOT NULL;

-- name: positions
-- The queue positions of the queued generations of these sessions, 1 = next, with how many run at once now, in the order of
-- the claims: one of each user and then the next of each, the sessions of a user in turn.
WITH running AS (
  SELECT user_id, session_id FROM generations WHERE lease_until IS NOT NULL
), sessions AS MATERIALIZED (
  SELECT s.session_id, (SELECT count(*) FROM running r WHERE r.session_id = s.session_id) AS of_session,
         (SELECT max(o.started_at) FROM generations o WHERE o.session_id = s.session_id) AS sessions_turn
    FROM (SELECT DISTINCT session_id FROM generations WHERE status = 'queued') s
), people AS MATERIALIZED (
  SELECT p.user_id, (SELECT count(*) FROM running r WHERE r.user_id = p.user_id) AS of_person,
         (SELECT max(o.started_at) FROM generations o WHERE o.user_id = p.user_id) AS persons_turn
    FROM (SELECT DISTINCT user_id FROM generations WHERE status = 'queued') p
), in_session AS (
  SELECT g.id, g.user_id, g.session_id, g.message_id, generation_task(g.kind, g.change, g.enlargement) AS task, g.attempt,
         row_number() OVER (PARTITION BY g.user_id, g.session_id ORDER BY g.id) AS nth,
         greatest(extract(epoch FROM g.not_before - clock_timestamp()), 0)::float8 AS wait_seconds
    FROM generations g
   WHERE g.status = 'queued' AND g.lease_until IS NULL
), in_line AS (
  SELECT w.*, s.of_session, s.sessions_turn,
         row_number() OVER (PARTITION BY w.user_id
                            ORDER BY w.nth + s.of_session, w.nth, s.sessions_turn NULLS FIRST, w.id) AS turn
    FROM in_session w JOIN sessions s USING (session_id)
), first AS (
  SELECT user_id, of_person,
         row_number() OVER (ORDER BY of_person, persons_turn NULLS FIRST, of_session, sessions_turn NULLS FIRST, id)
           AS place
    FROM in_line JOIN people USING (user_id) WHERE turn = 1
), placed AS (
  SELECT l.*, row_number() OVER (ORDER BY l.turn + f.of_person, l.turn, f.place) AS position
    FROM in_line l JOIN first f USING (user_id)
)
SELECT id, session_id, message_id, task, attempt, position, wait_seconds,
       greatest((SELECT count(*) FROM running), 1) AS running
  FROM placed WHERE session_id = ANY(:session_ids::uuid[]) ORDER BY position;

-- name: history
-- The generations that a user requested, the newest first.
SELECT g.*, EXISTS (SELECT 1 FROM credit_entries e WHERE e.generation_id = g.id AND e.action = 'release')
         AS credit_returned,
       extract(epoch FROM g.eta_at - clock_timestamp())::float8 AS eta_seconds
  FROM generations g
 WHERE g.user_id = app_user_id()
   AND (:kind::text IS NULL OR g.kind = :kind)
   AND (:status::text IS NULL OR g.status = :status)
   AND (:session_id::uuid IS NULL OR g.session_id = :session_id)
   AND (:before::uuid IS NULL OR g.id < :before)
   AND (NOT :plain::boolean OR NOT EXISTS (SELECT 1 FROM assets a JOIN favorites f ON f.asset_id = a.id
         WHERE a.generation_id = g.id AND a.status = 'stored' AND f.user_id = app_user_id()))
 ORDER BY g.id DESC LIMIT :limit;

-- name: favorites
-- Those of them whose picture or clip is a favourite: few, so the search starts from the favourites.
SELECT g.*, false AS credit_returned, extract(epoch FROM g.eta_at - clock_timestamp())::float8 AS eta_seconds
  FROM favorites f JOIN assets a ON a.id = f.asset_id JOIN generations g ON g.id = f.generation_id
 WHERE f.user_id = app_user_id() AND a.status = 'stored' AND g.user_id = app_user_id()
   AND (:kind::text IS NULL OR g.kind = :kind)
   AND (:status::text IS NULL OR g.status = :status)
   AND (:session_id::uuid IS NULL OR g.session_id = :session_id)
   AND (:before::uuid IS NULL OR f.generation_id < :before)
 ORDER BY f.generation_id DESC LIMIT :limit;

-- name: ids_by_words
-- The ids of those of them whose prompt has all of the words, each as the beginning of one.
SELECT my_prompts(:q::text, :filters::jsonb, :before::uuid, :limit::integer) AS id;

-- name: own_by_ids
-- Some of them by their ids, the newest first.
SELECT g.*, EXISTS (SELECT 1 FROM credit_entries e WHERE e.generation_id = g.id AND e.action = 'release')
         AS credit_returned,
       extract(epoch FROM g.eta_at - clock_timestamp())::float8 AS eta_seconds
  FROM generations g WHERE g.id = ANY(:generation_ids::uuid[]) AND g.user_id = app_user_id() ORDER BY g.id DESC;

-- name: assets_of
-- The stored files of these generations.
SELECT * FROM assets WHERE generation_id = ANY(:generation_ids::uuid[]) AND status = 'stored' ORDER BY id;

-- name: assets_with_marks_of
-- The same, and which of them are favourites of this transaction's user.
SELECT a.*, EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM assets a WHERE a.generation_id = ANY(:generation_ids::uuid[]) AND a.status = 'stored' ORDER BY a.id;

-- name: usual_wait
-- The seconds that each of those that wait and are being made takes, on average, from which waiting times are estimated: the
-- median of the alike ones among the last 200, or else of all of their kind; where neither is known it counts for nothing.
WITH recent AS (
  SELECT kind, model, width * height AS pixels, steps, extract(epoch FROM finished_at - started_at) AS seconds
    FROM generations WHERE status = 'done' AND started_at IS NOT NULL ORDER BY finished_at DESC LIMIT 200
), alike AS (
  SELECT kind, model, pixels, steps, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
    FROM recent GROUP BY kind, model, pixels, steps
), of_kind AS (
  SELECT kind, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds FROM recent GROUP BY kind
), asked AS (
  SELECT kind, model, width * height AS pixels, steps, count(*) AS number FROM generations
   WHERE status IN ('queued', 'model-loading', 'rendering') GROUP BY 1, 2, 3, 4
)
SELECT sum(w.number * coalesce(a.seconds, k.seconds)) / sum(w.number) FILTER (WHERE k.seconds IS NOT NULL)
  FROM asked w LEFT JOIN of_kind k ON k.kind = w.kind
  LEFT JOIN alike a ON a.kind = w.kind AND a.model = w.model AND a.pixels = w.pixels AND a.steps IS NOT DISTINCT FROM w.steps;

-- name: own_usual_wait
-- The same of this transaction's user's own. Theirs alone may be seen, and would be looked for among everybody's.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
  FROM (SELECT finished_at, started_at FROM generations WHERE user_id = app_user_id() AND status = 'done'
         ORDER BY id DESC LIMIT 50) AS recent;

-- name: running_of_session
-- The unfinished generations of a session, locked.
SELECT id FROM generations
 WHERE session_id = :session_id AND status IN ('queued', 'model-loading', 'rendering') ORDER BY id FOR UPDATE;

-- name: running_of_member
-- The unfinished generations of a user in one session, locked.
SELECT id FROM generations
 WHERE session_id = :session_id AND user_id = :user_id AND status IN ('queued', 'model-loading', 'rendering')
 ORDER BY id FOR UPDATE;

-- name: running_of_user
-- The unfinished generations of a user, and all those in the user's sessions, locked.
SELECT id FROM generations
 WHERE status IN ('queued', 'model-loading', 'rendering')
   AND (user_id = :user_id OR session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = :user_id))
 ORDER BY id FOR UPDATE;

-- name: file_to_hide
-- A file with the generation in whose place it stands, if it is there.
SELECT generation_id, hidden_with, status FROM assets WHERE id = :asset_id AND status IN ('stored', 'hidden');

-- name: withhold
-- Says in place of a picture or clip that the operator has hidden it, and why.
UPDATE generations SET withheld = :reason WHERE id = :generation_id RETURNING message_id;

-- name: withhold_many
-- The same for those that were hidden with a message.
UPDATE generations SET withheld = :reason WHERE id = ANY(:generation_ids::uuid[]);

-- name: keep_prompts
-- Moves the prompts of a message that is being hidden out of its generations.
WITH kept AS (
  INSERT INTO withheld_prompts (generation_id, prompt, negative_prompt)
  SELECT id, prompt, negative_prompt FROM generations WHERE message_id = :message_id
)
UPDATE generations SET prompt = '', negative_prompt = NULL WHERE message_id = :message_id;

-- name: prompts_again
-- Moves them back.
WITH kept AS (
  DELETE FROM withheld_prompts w USING generations g WHERE g.id = w.generation_id AND g.message_id = :message_id
  RETURNING w.*
)
UPDATE generations g SET prompt = kept.prompt, negative_prompt = kept.negative_prompt
  FROM kept WHERE g.id = kept.generation_id;

-- name: of_message
-- The generations of a message, locked in the order of their ids.
SELECT id FROM generations WHERE message_id = :message_id ORDER BY id FOR UPDATE;

-- name: remove
-- Removes these generations, with prompts and settings. The ledger of credits keeps their ids, `deleted_client_ids` their keys.
WITH removed AS (
  DELETE FROM generations WHERE id = ANY(:generation_ids::uuid[]) RETURNING session_id, user_id, client_id
)
INSERT INTO deleted_client_ids (session_id, user_id, kind, client_id)
SELECT session_id, user_id, 'version', client_id FROM removed WHERE client_id IS NOT NULL
    ON CONFLICT DO NOTHING;

-- name: export
-- A page of a user's generations, for the export.
SELECT g.id, g.session_id, g.message_id, g.kind, g.status, coalesce(w.prompt, g.prompt) AS prompt,
       coalesce(w.negative_prompt, g.negative_prompt) AS negative_prompt, g.style, g.seed, g.width, g.height, g.steps,
       g.guidance, g.source_asset_id, g.change, g.strength, translate(encode(m.mask, 'base64'), E'\n', '') AS mask,
       g.enlargement, g.style_before, g.style_after, g.style_without,
       g.model, g.provider, g.error_code, g.created_at, g.finished_at, g.withheld
  FROM generations g LEFT JOIN withheld_prompts w ON w.generation_id = g.id
  LEFT JOIN generation_masks m ON m.generation_id = g.id
 WHERE g.user_id = :user_id AND g.id > :after ORDER BY g.id LIMIT :limit;

-- name: bring_forward
-- After the clock was set back by so many seconds: what waits, and leases that are longer than any.
UPDATE generations
   SET not_before = CASE WHEN not_before > clock_timestamp()
                         THEN not_before - make_interval(secs => :seconds::float8) ELSE not_before END,
       lease_until = CASE WHEN lease_until > clock_timestamp() + interval '5 minutes'
                          THEN lease_until - make_interval(secs => :seconds::float8) ELSE lease_until END
 WHERE status IN ('queued', 'model-loading', 'rendering');
