-- The audit log.

-- name: add
-- One more entry.
INSERT INTO audit_entries (id, actor_id, actor, action, target_kind, target_id, subject_id, address, reason, details)
VALUES (:id, :actor_id, :actor, :action, :target_kind, :target_id, :subject_id, :address, :reason, :details);
