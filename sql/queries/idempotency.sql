-- Idempotency keys of what was made over HTTP: which request made it, and its id.

-- name: claim
-- Stores a key; no row where it is stored already. Waits for a transaction that is about to store it.
INSERT INTO idempotency_keys (user_id, kind, client_id, request_hash, result_id)
VALUES (coalesce(:user_id::uuid, app_user_id()), :kind, :client_id, :request_hash, :result_id)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: find
-- What was made under a key.
SELECT request_hash, result_id FROM idempotency_keys
 WHERE user_id = coalesce(:user_id::uuid, app_user_id()) AND kind = :kind AND client_id = :client_id;

-- name: newest
-- The newest key of this transaction's user that begins with a prefix and is not below `least`, and what was made under it.
SELECT client_id, result_id FROM idempotency_keys
 WHERE user_id = app_user_id() AND kind = :kind AND starts_with(client_id, :prefix) AND client_id COLLATE "C" >= :least
 ORDER BY client_id COLLATE "C" DESC LIMIT 1;

-- name: release
-- Forgets a key of this transaction's user.
DELETE FROM idempotency_keys WHERE user_id = app_user_id() AND kind = :kind AND client_id = :client_id;
