-- The operator's pages.

-- name: hold_role
-- Holds the role of an admin until the end of the transaction; no row where they are none (any more).
SELECT id FROM users WHERE id = :id AND role = 'admin' AND status = 'active' FOR SHARE;

-- name: waiting
-- How many generations and replies wait or are under way, and the seconds that the oldest waiting one has waited.
SELECT (SELECT count(*) FROM generations WHERE status = 'queued') AS generations_waiting,
       (SELECT count(*) FROM generations WHERE status IN ('model-loading', 'rendering')) AS generations_running,
       (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8
          FROM generations WHERE status = 'queued') AS oldest_seconds,
       (SELECT count(DISTINCT worker_id) FROM generations
         WHERE lease_until > clock_timestamp() AND status IN ('queued', 'model-loading', 'rendering')) AS busy_workers;

-- Work that is stuck ---------------------------------------------------------------------------------------------------

-- name: oldest_waiting
-- The generations that have waited longest, also those that a provider has in its own queue, without their prompts.
SELECT g.id, g.kind, g.session_id, g.created_at, g.attempt, g.faults, u.name AS person,
       extract(epoch FROM clock_timestamp() - g.created_at)::float8 AS seconds
  FROM generations g JOIN users u ON u.id = g.user_id
 WHERE g.status = 'queued'
 ORDER BY g.created_at, g.id LIMIT :limit;

-- name: lost_leases
-- Generations and replies under a lease that nobody renews: it has run out, or it is in its last third and the process of its
-- worker has not been heard of for `gone_seconds`.
SELECT l.*, extract(epoch FROM l.lease_until - clock_timestamp())::float8 AS seconds_left
  FROM (SELECT id, 'generation' AS job, kind, session_id, worker_id, lease_until FROM generations
         WHERE lease_until IS NOT NULL
        UNION ALL
        SELECT id, 'reply', 'text', session_id, worker_id, lease_until FROM messages
         WHERE status = 'streaming' AND lease_until IS NOT NULL) AS l
 WHERE l.lease_until < clock_timestamp()
    OR (l.lease_until < clock_timestamp() + make_interval(secs => :lease_seconds::float8 / 3)
        AND NOT EXISTS (SELECT 1 FROM processes p
                         WHERE p.seen_at > clock_timestamp() - make_interval(secs => :gone_seconds::float8)
                           AND starts_with(l.worker_id, p.id || '/')))
 ORDER BY l.lease_until LIMIT :limit;

-- name: end_lease
-- Ends the lease on a generation or a reply: whoever looks next recovers it.
WITH g AS (UPDATE generations SET lease_until = clock_timestamp() - interval '1 second'
            WHERE id = :id AND lease_until IS NOT NULL RETURNING id, session_id, kind),
     m AS (UPDATE messages SET lease_until = clock_timestamp() - interval '1 second'
            WHERE id = :id AND lease_until IS NOT NULL RETURNING id, session_id)
SELECT id, session_id, kind FROM g UNION ALL SELECT id, session_id, NULL FROM m;

-- name: generation
-- Whose a generation is, and how it stands; without its prompt.
SELECT id, kind, status, session_id, message_id, user_id FROM generations WHERE id = :id;

-- Checks ---------------------------------------------------------------------------------------------------------------

-- name: begin_check
-- A check begins, unless one of its kind is under way: one that has not ended within its time has died with its process.
INSERT INTO operator_checks (id, kind)
SELECT :id, :kind WHERE NOT EXISTS (
  SELECT 1 FROM operator_checks
   WHERE kind = :kind AND ended_at IS NULL AND started_at > clock_timestamp() - make_interval(secs => :longest_seconds::float8))
RETURNING id;

-- name: lock_checks
-- Serialises the beginnings of checks until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('operator checks', 0));

-- name: end_check
-- A check has ended.
UPDATE operator_checks SET ended_at = clock_timestamp(), outcome = :outcome, findings = :findings WHERE id = :id;

-- name: newest_checks
-- The newest check of each kind; `running` within its time.
SELECT DISTINCT ON (kind) id, kind, started_at, ended_at, outcome, findings,
       ended_at IS NULL AND started_at > clock_timestamp() - make_interval(secs => :longest_seconds::float8) AS running
  FROM operator_checks ORDER BY kind, id DESC;

-- People ---------------------------------------------------------------------------------------------------------------

-- name: people
-- Accounts, the newest first: all, or those whose name or address begins so.
SELECT u.id, u.name, u.email, u.role, u.status, u.created_at,
       (SELECT max(s.last_used_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at,
       (SELECT count(*) FROM user_sessions o WHERE o.user_id = u.id AND o.status <> 'deleted') AS sessions
  FROM users u
 WHERE u.status <> 'deleted' AND (:before::uuid IS NULL OR u.id < :before::uuid)
 ORDER BY u.id DESC LIMIT :limit;

-- name: people_by_words
-- Accounts whose name or address begins with these words, the newest first; each half is bounded by its index, which a range
-- can use in a generic plan, and LIKE cannot.
SELECT u.id, u.name, u.email, u.role, u.status, u.created_at,
       (SELECT max(s.last_used_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at,
       (SELECT count(*) FROM user_sessions o WHERE o.user_id = u.id AND o.status <> 'deleted') AS sessions
  FROM users u
 WHERE u.id IN (
       (SELECT n.id FROM users n WHERE n.status <> 'deleted'
         AND lower(n.name) ~>=~ lower(:first::text) AND lower(n.name) ~<~ (lower(:first::text) || :last::text)
         AND (:before::uuid IS NULL OR n.id < :before::uuid) LIMIT 1000)
       UNION
       (SELECT e.id FROM users e WHERE e.status <> 'deleted'
         AND lower(e.email) ~>=~ lower(:first::text) AND lower(e.email) ~<~ (lower(:first::text) || :last::text)
         AND (:before::uuid IS NULL OR e.id < :before::uuid) LIMIT 1000))
 ORDER BY u.id DESC LIMIT :limit;

-- name: by_id
-- Whose an id is: an account's, a session's, a picture's or that of the generation that made it; and the session.
SELECT id AS user_id, NULL::uuid AS session_id FROM users WHERE id = :id AND status <> 'deleted'
UNION ALL SELECT user_id, id FROM user_sessions WHERE id = :id AND status <> 'deleted'
UNION ALL SELECT user_id, session_id FROM assets WHERE id = :id
UNION ALL SELECT user_id, session_id FROM generations WHERE id = :id
LIMIT 1;

-- name: person
-- One account.
SELECT u.id, u.name, u.email, u.role, u.status, u.created_at,
       (SELECT max(s.last_used_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at,
       (SELECT count(*) FROM sign_ins s
         WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > now()
           AND s.last_used_at > now() - make_interval(days => :idle_days::integer)) AS sign_ins,
       (SELECT count(*) FROM api_tokens t WHERE t.user_id = u.id AND t.revoked_at IS NULL) AS tokens
  FROM users u WHERE u.id = :id AND u.status <> 'deleted';

-- name: sessions_of
-- The sessions that somebody owns, the newest first; with `session_id` that one before all, also where they are its guest.
SELECT s.id, s.plan_id, p.name AS plan, s.user_id = :user_id AS owned, s.expires_at, s.expires_at > now() AS active,
       s.images_generated, s.videos_generated, s.messages_count
  FROM ((SELECT o.id FROM user_sessions o WHERE o.user_id = :user_id ORDER BY o.id DESC LIMIT :limit)
        UNION SELECT :session_id::uuid) AS wanted
  JOIN user_sessions s ON s.id = wanted.id JOIN session_config p ON p.id = s.plan_id
 WHERE s.status <> 'deleted'
 ORDER BY s.id IS DISTINCT FROM :session_id::uuid, s.id DESC;

-- name: session
-- Whose a session is.
SELECT s.id, s.user_id, u.name AS owner, s.expires_at, s.expires_at > now() AS active
  FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE s.id = :id AND s.status <> 'deleted';

-- name: conversation
-- A page of a session's messages, the newest first, with the prompts of their generations.
SELECT m.id, m.user_id, m.kind, m.text, m.created_at, m.author_name AS author,
       (SELECT g.prompt FROM generations g WHERE g.message_id = m.id ORDER BY g.number LIMIT 1) AS prompt,
       (SELECT count(*) FROM generations g WHERE g.message_id = m.id) AS generations
  FROM messages m
 WHERE m.session_id = :session_id AND m.status <> 'deleted' AND (:before::uuid IS NULL OR m.id < :before::uuid)
 ORDER BY m.id DESC LIMIT :limit;

-- The live channel -----------------------------------------------------------------------------------------------------

-- name: newest_act
-- The newest entry of the audit log.
SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1;

-- name: newest_check_end
-- When a check last began or ended.
SELECT max(greatest(started_at, ended_at))::text FROM operator_checks;

-- name: admins
-- Who is an admin.
SELECT id FROM users WHERE role = 'admin' AND status = 'active';

-- name: files_of_keys
-- The stored or hidden files with these keys, with the reason that stands in the place of a hidden one.
SELECT a.id, a.user_id, a.status, a.storage_key, a.thumbnail_key, g.withheld
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id
 WHERE a.storage_key = ANY(:keys::text[]) AND a.status IN ('stored', 'hidden');

-- name: file
-- One stored or hidden file.
SELECT a.id, a.user_id, a.status, a.storage_key, a.thumbnail_key, g.withheld
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id
 WHERE a.id = :id AND a.status IN ('stored', 'hidden');
