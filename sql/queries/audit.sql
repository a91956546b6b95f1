-- The audit log.

-- name: add
-- One more entry.
INSERT INTO audit_entries (id, actor_id, actor, action, target_kind, target_id, subject_id, address, reason, details)
VALUES (:id, :actor_id, :actor, :action, :target_kind, :target_id, :subject_id, :address, :reason, :details);

-- name: page
-- A page of the log, the newest first.
SELECT * FROM audit_entries WHERE (:before::uuid IS NULL OR id < :before::uuid) ORDER BY id DESC LIMIT :limit;

-- name: page_of_action
-- The same of one action.
SELECT * FROM audit_entries
 WHERE action = :action AND (:before::uuid IS NULL OR id < :before::uuid)
 ORDER BY id DESC LIMIT :limit;

-- name: page_of_actor
-- The same of one actor, and of one action where given.
SELECT * FROM audit_entries
 WHERE actor = :actor AND (:action::text IS NULL OR action = :action::text)
   AND (:before::uuid IS NULL OR id < :before::uuid)
 ORDER BY id DESC LIMIT :limit;

-- name: page_of_target
-- The same about one target, or one person; of one actor and one action where given.
SELECT * FROM (
  (SELECT * FROM audit_entries t WHERE t.target_id = :target AND (:before::uuid IS NULL OR t.id < :before::uuid)
    ORDER BY t.id DESC LIMIT 10000)
  UNION
  (SELECT * FROM audit_entries s WHERE s.subject_id = :subject::uuid AND (:before::uuid IS NULL OR s.id < :before::uuid)
    ORDER BY s.id DESC LIMIT 10000)) AS found
 WHERE (:action::text IS NULL OR action = :action::text) AND (:actor::text IS NULL OR actor = :actor::text)
 ORDER BY id DESC LIMIT :limit;

-- name: actions
-- The actions that there are, each found by a step of the index.
WITH RECURSIVE found AS (
  (SELECT action FROM audit_entries ORDER BY action LIMIT 1)
  UNION ALL
  SELECT (SELECT a.action FROM audit_entries a WHERE a.action > f.action ORDER BY a.action LIMIT 1)
    FROM found f WHERE f.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL;

-- name: of_subject
-- The newest acts that concern one user.
SELECT * FROM audit_entries WHERE subject_id = :user_id ORDER BY id DESC LIMIT :limit;

-- name: reason_of
-- Why the newest act of a kind was done to one user.
SELECT reason FROM audit_entries WHERE subject_id = :user_id AND action = :action ORDER BY id DESC LIMIT 1;

-- name: readings
-- When operators have read what is one user's, the newest first.
SELECT * FROM audit_entries
 WHERE subject_id = :user_id AND action LIKE :pattern AND (:before::uuid IS NULL OR id < :before::uuid)
 ORDER BY id DESC LIMIT :limit;

-- name: export
-- The same for the export, in the order of their ids.
SELECT id, at, actor, action, target_kind, target_id, reason FROM audit_entries
 WHERE subject_id = :user_id AND action LIKE :pattern AND id > :after ORDER BY id LIMIT :limit;
