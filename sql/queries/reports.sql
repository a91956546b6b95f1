-- Reports of pictures and messages, and what operators decide on them.

-- name: picture
-- A stored file that the transaction's user may see: where it is and whose.
SELECT session_id, user_id AS author_id FROM assets WHERE id = :target_id AND status = 'stored';

-- name: message
-- A message that the transaction's user may see, and that is shown.
SELECT session_id, user_id AS author_id FROM messages
 WHERE id = :target_id AND status <> 'deleted' AND withheld IS NULL;

-- name: add
-- A new report; no row where this person, or this visitor's network, has an open one of it already.
INSERT INTO reports (id, kind, words, target_kind, target_id, session_id, author_id, reporter_id, visitor, due_at)
VALUES (:id, :kind, :words, :target_kind, :target_id, :session_id, :author_id, :reporter_id, :visitor,
        now() + make_interval(hours => :hours::integer))
ON CONFLICT DO NOTHING RETURNING id;

-- name: open_of_person
-- How many open reports this transaction's user has, counted up to a number.
SELECT count(*) FROM (SELECT FROM reports WHERE reporter_id = app_user_id() AND decision_id IS NULL LIMIT :most) AS open;

-- name: open_of_visitors
-- How many open reports of visitors there are of one thing, counted up to a number.
SELECT count(*) FROM (SELECT FROM reports WHERE target_id = :target_id AND decision_id IS NULL AND reporter_id IS NULL
                       LIMIT :most) AS open;

-- name: queue
-- A page of the things with open reports, the most urgent first, each with the report by which it is placed.
WITH page AS MATERIALIZED (
  SELECT r.* FROM reports r
   WHERE r.decision_id IS NULL
     AND (:after::uuid IS NULL OR (r.due_at, r.id) > (SELECT a.due_at, a.id FROM reports a WHERE a.id = :after))
     AND NOT EXISTS (SELECT FROM reports e WHERE e.target_id = r.target_id AND e.decision_id IS NULL
                        AND (e.due_at, e.id) < (r.due_at, r.id))
   ORDER BY r.due_at, r.id LIMIT :limit)
SELECT p.id AS cursor, p.target_kind, p.target_id, p.session_id, p.author_id,
       coalesce(a.kind, m.kind, 'image') AS media,
       CASE WHEN s.id IS NULL OR s.status = 'deleted' THEN 'gone'
            WHEN p.target_kind = 'picture' THEN CASE a.status WHEN 'stored' THEN 'shown' WHEN 'hidden' THEN 'hidden' ELSE 'gone' END
            WHEN m.id IS NULL OR m.status = 'deleted' THEN 'gone'
            WHEN m.withheld IS NULL THEN 'shown' ELSE 'hidden' END AS state,
       coalesce((SELECT max(d.id::text) FROM moderation_decisions d WHERE d.target_id = p.target_id), '') AS seen,
       (SELECT count(*) FROM reports o WHERE o.target_id = p.target_id AND o.decision_id IS NULL) AS count
  FROM page p
  LEFT JOIN user_sessions s ON s.id = p.session_id
  LEFT JOIN assets a ON p.target_kind = 'picture' AND a.id = p.target_id
  LEFT JOIN messages m ON p.target_kind = 'message' AND m.id = p.target_id
 ORDER BY p.due_at, p.id;

-- name: reports_of
-- The most urgent open reports of each of these things.
SELECT r.* FROM unnest(:target_ids::uuid[]) AS wanted (id),
       LATERAL (SELECT o.id, o.kind, o.words, o.target_id, o.reporter_id, o.created_at, o.due_at FROM reports o
                 WHERE o.target_id = wanted.id AND o.decision_id IS NULL ORDER BY o.due_at, o.id LIMIT :most) AS r;

-- name: decided
-- A page of the decisions, the newest first, each with how the thing is now and the newest decision on it.
SELECT d.*, coalesce(a.kind, m.kind, 'image') AS media,
       CASE WHEN s.id IS NULL OR s.status = 'deleted' THEN 'gone'
            WHEN d.target_kind = 'picture' THEN CASE a.status WHEN 'stored' THEN 'shown' WHEN 'hidden' THEN 'hidden' ELSE 'gone' END
            WHEN m.id IS NULL OR m.status = 'deleted' THEN 'gone'
            WHEN m.withheld IS NULL THEN 'shown' ELSE 'hidden' END AS state,
       (SELECT max(n.id::text) FROM moderation_decisions n WHERE n.target_id = d.target_id) AS seen
  FROM moderation_decisions d
  LEFT JOIN user_sessions s ON s.id = d.session_id
  LEFT JOIN assets a ON d.target_kind = 'picture' AND a.id = d.target_id
  LEFT JOIN messages m ON d.target_kind = 'message' AND m.id = d.target_id
 WHERE :before::uuid IS NULL OR d.id < :before
 ORDER BY d.id DESC LIMIT :limit;

-- name: count_open
-- How many things have open reports, and how many of them are late, counted up to a number of reports.
SELECT count(DISTINCT target_id) AS number, count(DISTINCT target_id) FILTER (WHERE due_at < now()) AS late,
       max(id::text) AS newest
  FROM (SELECT target_id, due_at, id FROM reports WHERE decision_id IS NULL ORDER BY due_at, id LIMIT :most) AS open;

-- name: lock
-- Locks a thing until COMMIT: decisions on it come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('chatserver.reports.' || :target_id::text, 0));

-- name: known
-- What a report or a decision says of a thing, and the newest decision on it. No row for what nobody has reported.
SELECT r.target_kind, r.session_id, r.author_id,
       EXISTS (SELECT FROM reports o WHERE o.target_id = :target_id AND o.decision_id IS NULL) AS is_open
  FROM (SELECT target_kind, session_id, author_id, id FROM reports WHERE target_id = :target_id
        UNION ALL
        SELECT target_kind, session_id, author_id, id FROM moderation_decisions WHERE target_id = :target_id) AS r
 ORDER BY r.id DESC LIMIT 1;

-- name: newest_decision
-- The newest decision on a thing.
SELECT * FROM moderation_decisions WHERE target_id = :target_id ORDER BY id DESC LIMIT 1;

-- name: add_decision
-- A decision on a thing.
INSERT INTO moderation_decisions (id, action, target_kind, target_id, session_id, author_id, decided_by, decider, reason)
VALUES (:id, :action, :target_kind, :target_id, :session_id, :author_id, :decided_by, :decider, :reason)
RETURNING *;

-- name: close
-- Closes the open reports of a thing by a decision; of visitors nothing is kept.
UPDATE reports SET decision_id = :decision_id, visitor = NULL WHERE target_id = :target_id AND decision_id IS NULL;

-- name: words_of_message
-- The words of a message as an operator reads them, also while it is hidden; of pictures the first prompt.
SELECT coalesce(w.text, m.text) AS text, m.user_id AS author_id
  FROM messages m LEFT JOIN withheld_texts w ON w.message_id = m.id
 WHERE m.id = :message_id AND m.status <> 'deleted';

-- name: told
-- A page of the decisions on what a user made, the newest first; what was only dismissed is not told.
SELECT * FROM moderation_decisions
 WHERE author_id = :user_id AND action <> 'dismissed' AND (:before::uuid IS NULL OR id < :before)
 ORDER BY id DESC LIMIT :limit;

-- name: own_reports
-- A user's newest reports, with what was decided.
SELECT r.id, r.kind, r.target_kind, r.created_at, d.action, d.reason
  FROM reports r LEFT JOIN moderation_decisions d ON d.id = r.decision_id
 WHERE r.reporter_id = :user_id ORDER BY r.id DESC LIMIT :limit;

-- name: forget_author
-- Takes a deleted account out of what was reported of it.
UPDATE reports SET author_id = NULL WHERE author_id = :user_id;

-- name: forget_reporter
-- Takes a deleted account and its words out of what it has reported.
UPDATE reports SET reporter_id = NULL, words = '' WHERE reporter_id = :user_id;

-- name: forget_decided
-- Takes a deleted account out of the decisions on what it made.
UPDATE moderation_decisions SET author_id = NULL WHERE author_id = :user_id;

-- name: forget_decider
-- Takes the name of a deleted account out of the decisions that it made as an operator.
UPDATE moderation_decisions SET decided_by = NULL, decider = 'A former operator' WHERE decided_by = :user_id;

-- name: export_reports
-- A page of a user's reports, for the export.
SELECT r.id, r.kind, r.words, r.target_kind, r.target_id, r.session_id, r.created_at, d.action, d.reason, d.at AS decided_at
  FROM reports r LEFT JOIN moderation_decisions d ON d.id = r.decision_id
 WHERE r.reporter_id = :user_id AND r.id > :after ORDER BY r.id LIMIT :limit;

-- name: export_decisions
-- A page of the decisions on what a user made, for the export.
SELECT id, at, action, target_kind, target_id, session_id, reason
  FROM moderation_decisions WHERE author_id = :user_id AND id > :after AND action <> 'dismissed' ORDER BY id LIMIT :limit;
