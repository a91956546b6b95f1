-- Credits are rows: a session owns exactly as many as its plan gives. Times are clock_timestamp(), not now(): a transaction
-- that waited for a lock began before the one that held it ended.

-- name: grant
-- Gives a session its plan's rows of one kind; rows that it already has stay as they are, and extra ones are not counted. Rows
-- that were taken back are given again first.
WITH given_again AS (
  UPDATE credits c
     SET available_at = clock_timestamp()
           + CASE WHEN (SELECT g.status FROM generations g WHERE g.id = c.generation_id)
                       IN ('queued', 'model-loading', 'rendering') THEN interval '1 hour' ELSE interval '0' END
   WHERE c.session_id = :session_id::uuid AND c.kind = :kind::text AND c.number IN (
         SELECT number FROM credits
          WHERE session_id = :session_id::uuid AND kind = :kind::text AND NOT extra AND available_at = 'infinity'
          ORDER BY number
          LIMIT greatest(0, :count::integer - (SELECT count(*) FROM credits
                                                WHERE session_id = :session_id::uuid AND kind = :kind::text AND NOT extra
                                                  AND available_at < 'infinity')))
)
INSERT INTO credits (session_id, kind, number)
SELECT :session_id::uuid, :kind::text, own.top + n
  FROM (SELECT coalesce(max(number), 0) AS top, count(*) FILTER (WHERE NOT extra) AS of_plan
          FROM credits WHERE session_id = :session_id::uuid AND kind = :kind::text) AS own,
       generate_series(1, :count::integer - own.of_plan::integer) AS n
ON CONFLICT DO NOTHING;

-- name: take_back
-- Takes back what a session has of one kind beyond `count` of its plan's rows, the free ones first. The caller holds the lock of
-- the credits.
UPDATE credits SET available_at = 'infinity'
 WHERE session_id = :session_id::uuid AND kind = :kind::text AND number IN (
       SELECT number FROM credits
        WHERE session_id = :session_id::uuid AND kind = :kind::text AND NOT extra AND available_at < 'infinity'
        ORDER BY available_at <= clock_timestamp(), available_at DESC, number
       OFFSET :count::integer);

-- name: grant_extra
-- Gives a session so many more rows of one kind than its plan's, each with its line in the statement. The caller holds the
-- lock of the credits.
WITH added AS (
  INSERT INTO credits (session_id, kind, number, extra)
  SELECT :session_id::uuid, :kind::text,
         (SELECT coalesce(max(number), 0) FROM credits WHERE session_id = :session_id::uuid AND kind = :kind::text) + n, true
    FROM generate_series(1, :count::integer) AS n
  RETURNING session_id, kind, number
)
INSERT INTO credit_entries (session_id, kind, number, action, reason)
SELECT session_id, kind, number, 'grant', :reason FROM added RETURNING number;

-- name: count_owned
-- How many credits of one kind a session owns.
SELECT count(*) FROM credits WHERE session_id = :session_id AND kind = :kind AND available_at < 'infinity';

-- name: lock
-- Locks every row of one kind, in one order: other transactions that hold or settle in this session wait here.
SELECT number FROM credits WHERE session_id = :session_id AND kind = :kind ORDER BY number FOR UPDATE;

-- name: hold
-- Holds one free credit for each generation; fewer rows than generations means that there were not enough.
SELECT generation_id FROM hold_credits(:session_id, :kind, :generation_ids) AS held (generation_id);

-- name: free_count
-- How many credits of one kind are free now.
SELECT count(*) FROM credits
 WHERE session_id = :session_id AND kind = :kind AND available_at <= clock_timestamp();

-- name: capture
-- Writes the capture of a finished generation to the ledger. The credit itself is available again when its hour ends.
INSERT INTO credit_entries (session_id, kind, number, generation_id, action)
SELECT session_id, kind, number, generation_id, 'capture'
  FROM credit_entries WHERE generation_id = :generation_id AND action = 'hold'
ON CONFLICT DO NOTHING
RETURNING id;

-- name: free
-- Makes the credits of these generations available, where they still point at them and were not taken back.
UPDATE credits
   SET available_at = CASE WHEN available_at = 'infinity' THEN available_at ELSE clock_timestamp() END, generation_id = NULL
 WHERE generation_id = ANY(:generation_ids::uuid[]);

-- name: release
-- Writes the releases of these generations to the ledger, except for those that are settled already.
INSERT INTO credit_entries (session_id, kind, number, generation_id, action)
SELECT session_id, kind, number, generation_id, 'release'
  FROM credit_entries WHERE generation_id = ANY(:generation_ids::uuid[]) AND action = 'hold'
ON CONFLICT DO NOTHING
RETURNING generation_id;

-- name: balances
-- By session and kind: credits owned, free, and held by unfinished generations, and when the next is available.
SELECT * FROM credit_balances WHERE session_id = ANY(:session_ids::uuid[]);

-- name: nth_free_at
-- When `count` credits of one kind will be available together; NULL where the session owns fewer.
SELECT available_at FROM credits
 WHERE session_id = :session_id AND kind = :kind AND available_at < 'infinity'
 ORDER BY available_at, number
OFFSET :count::integer - 1 LIMIT 1;

-- name: seconds_until
-- Seconds from now until a moment, by the database's clock.
SELECT greatest(extract(epoch FROM :moment::timestamptz - clock_timestamp()), 0)::float8;

-- name: came_free
-- Which of these sessions have a credit that became available since a time, and the time of this query.
SELECT DISTINCT session_id FROM credits
 WHERE available_at > :since AND available_at <= :until AND session_id = ANY(:session_ids::uuid[]);

-- name: database_now
-- The database's clock.
SELECT clock_timestamp();

-- name: wrong_rows
-- Sessions with fewer rows than the plan of any of their purchases gives, or with none.
SELECT s.id AS session_id, c.kind, c.n AS rows
  FROM user_sessions s
  CROSS JOIN LATERAL (
    SELECT k.kind, (SELECT count(*) FROM credits x WHERE x.session_id = s.id AND x.kind = k.kind) AS n,
           (SELECT max(number) FROM credits x WHERE x.session_id = s.id AND x.kind = k.kind) AS top
      FROM (VALUES ('image'), ('video')) AS k(kind)) AS c
 WHERE c.n IS DISTINCT FROM coalesce(c.top, 0);

-- name: ungranted
-- Extra credits without the line that gave them, and such lines without their credit, where the session still has any.
SELECT c.session_id, c.kind, c.number FROM credits c
 WHERE c.extra AND NOT EXISTS (SELECT 1 FROM credit_entries e
                                WHERE e.session_id = c.session_id AND e.kind = c.kind AND e.number = c.number
                                  AND e.action = 'grant')
UNION ALL
SELECT e.session_id, e.kind, e.number FROM credit_entries e
 WHERE e.action = 'grant' AND EXISTS (SELECT 1 FROM user_sessions s WHERE s.id = e.session_id AND s.status <> 'deleted')
   AND NOT EXISTS (SELECT 1 FROM credits c
                    WHERE c.session_id = e.session_id AND c.kind = e.kind AND c.number = e.number AND c.extra);

-- name: unsettled
-- Generations whose ledger contradicts their status: every one has a hold, an ended one exactly one settlement.
SELECT g.id AS generation_id, g.session_id, g.status,
       count(e.id) FILTER (WHERE e.action = 'hold') AS holds,
       count(e.id) FILTER (WHERE e.action = 'capture') AS captures,
       count(e.id) FILTER (WHERE e.action = 'release') AS releases
  FROM generations g LEFT JOIN credit_entries e ON e.generation_id = g.id
 GROUP BY g.id, g.session_id, g.status
HAVING count(e.id) FILTER (WHERE e.action = 'hold') <> 1
    OR count(e.id) FILTER (WHERE e.action = 'capture') <> (g.status = 'done')::integer
    OR count(e.id) FILTER (WHERE e.action = 'release') <> (g.status IN ('failed', 'cancelled'))::integer;

-- name: misplaced
-- Credits that point at a generation whose credit was released, and active generations of the last hour without one.
SELECT c.session_id, c.kind, c.number, c.generation_id
  FROM credits c JOIN credit_entries e ON e.generation_id = c.generation_id AND e.action = 'release'
UNION ALL
SELECT g.session_id, g.kind, NULL, g.id
  FROM generations g LEFT JOIN credits c ON c.generation_id = g.id
 WHERE g.status IN ('queued', 'model-loading', 'rendering') AND c.generation_id IS NULL
   AND g.created_at > now() - interval '55 minutes';

-- name: wrong_counts
-- Sessions whose counters of finished pictures and clips differ from the captures in the ledger.
SELECT s.id AS session_id, s.images_generated, s.videos_generated,
       count(e.id) FILTER (WHERE e.kind = 'image') AS images, count(e.id) FILTER (WHERE e.kind = 'video') AS videos
  FROM user_sessions s LEFT JOIN credit_entries e ON e.session_id = s.id AND e.action = 'capture'
 GROUP BY s.id
HAVING s.images_generated <> count(e.id) FILTER (WHERE e.kind = 'image')
    OR s.videos_generated <> count(e.id) FILTER (WHERE e.kind = 'video');

-- name: lock_of_running
-- Locks the credits held by a user's unfinished generations, and by all those in the user's sessions, in the order in which
-- credits are locked everywhere.
SELECT c.session_id FROM credits c JOIN generations g ON g.id = c.generation_id
 WHERE g.status IN ('queued', 'model-loading', 'rendering')
   AND (g.user_id = :user_id OR g.session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = :user_id))
 ORDER BY c.session_id, c.kind, c.number FOR UPDATE OF c;

-- name: holds_without_job
-- Of the statement's newest lines the holds that nothing will settle: the generation has ended, or is gone. A settlement comes
-- after its hold, so that it is among the same lines.
WITH newest AS MATERIALIZED (
  SELECT id, session_id, kind, number, generation_id, action, created_at
    FROM credit_entries WHERE action <> 'grant' ORDER BY id DESC LIMIT :newest
), settled AS MATERIALIZED (
  SELECT generation_id FROM newest WHERE action <> 'hold'
), open AS MATERIALIZED (
  SELECT * FROM newest n
   WHERE n.action = 'hold' AND NOT EXISTS (SELECT 1 FROM settled s WHERE s.generation_id = n.generation_id)
)
SELECT o.id, o.session_id, o.kind, o.number, o.generation_id, o.created_at,
       (SELECT g.status FROM generations g WHERE g.id = o.generation_id) AS status
  FROM open o
 WHERE coalesce((SELECT g.status FROM generations g WHERE g.id = o.generation_id), 'gone')
       NOT IN ('queued', 'model-loading', 'rendering')
 ORDER BY o.id LIMIT :limit;

-- name: hold_of
-- The hold of a generation, which may be gone, as the statement has it; NULL as its status where it is gone.
SELECT e.session_id, e.kind, e.number, g.status
  FROM credit_entries e LEFT JOIN generations g ON g.id = e.generation_id
 WHERE e.generation_id = :generation_id AND e.action = 'hold';

-- name: free_of_gone
-- Makes a credit available whose generation is gone: its row points at nothing, and waits for its hour to end.
UPDATE credits SET available_at = clock_timestamp()
 WHERE session_id = :session_id AND kind = :kind AND number = :number AND generation_id IS NULL
   AND available_at > clock_timestamp() AND available_at < 'infinity';

-- name: bring_forward
-- After the clock was set back by so many seconds: what nothing holds is free, and what is held waits for an hour at most.
UPDATE credits
   SET available_at = CASE WHEN generation_id IS NULL THEN clock_timestamp()
                           ELSE available_at - make_interval(secs => :seconds::float8) END
 WHERE available_at > clock_timestamp() + CASE WHEN generation_id IS NULL THEN interval '0' ELSE interval '1 hour' END
   AND available_at < 'infinity';
