-- Uploads: pictures that people bring into a session. Their rows are assets without a generation.

-- name: repeated
-- The upload that this transaction's user made with this client_id in this session; a row without an id where it was deleted.
SELECT a.*, EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM (SELECT) AS one
  LEFT JOIN assets a ON a.session_id = :session_id AND a.user_id = app_user_id() AND a.client_id = :client_id
                    AND a.status <> 'deleted'
 WHERE a.id IS NOT NULL
    OR EXISTS (SELECT FROM deleted_client_ids d
                WHERE d.session_id = :session_id AND d.user_id = app_user_id() AND d.kind = 'upload'
                  AND d.client_id = :client_id);

-- name: is_hidden
-- Whether the operator has hidden this upload: it was sent before, by this transaction's user or into this session, or what this
-- client_id stands for.
SELECT upload_is_hidden(:session_id, :client_id, :request_hash, :sha256);

-- name: count
-- How many uploads this transaction's user keeps in a session, with those under way.
SELECT count(*) FROM assets
 WHERE session_id = :session_id AND user_id = app_user_id() AND origin = 'upload' AND status <> 'deleted';

-- name: stage
-- A row, made before its bytes are stored.
INSERT INTO assets (id, session_id, user_id, origin, kind, content_type, width, height, bytes, sha256, filename, storage_key,
                    thumbnail_key, placeholder, hue, fingerprint, client_id, request_hash)
VALUES (:id, :session_id, app_user_id(), 'upload', 'image', :content_type, :width, :height, :bytes, :sha256, :filename,
        :storage_key, :thumbnail_key, :placeholder, :hue, fingerprint_bits(NULL), :client_id, :request_hash)
RETURNING *;

-- name: give_up
-- Hands a staged upload to the sweeper: what is sent again is decoded differently than before, or what it was for was refused.
UPDATE assets SET status = 'deleted' WHERE id = :asset_id AND status = 'staged';

-- name: same
-- This transaction's user's newest upload in a session with these bytes.
SELECT id FROM assets
 WHERE session_id = :session_id AND user_id = app_user_id() AND origin = 'upload' AND status = 'stored'
   AND request_hash = :request_hash
 ORDER BY id DESC LIMIT 1;

-- name: list
-- Uploads of this transaction's user, the newest first: in one session where one is given.
SELECT a.*, EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM assets a
 WHERE user_id = app_user_id() AND origin = 'upload' AND status = 'stored'
   AND (:session_id::uuid IS NULL OR session_id = :session_id) AND (:before::uuid IS NULL OR id < :before)
 ORDER BY id DESC LIMIT :limit;

-- name: rights
-- A user's relation to an upload: whether it is theirs, or its session. No row for people outside the session.
SELECT a.user_id = u.id AS uploaded, s.user_id = u.id AS owns
  FROM assets a
  JOIN user_sessions s ON s.id = a.session_id AND s.status <> 'deleted'
  JOIN users u ON u.id = :viewer_id AND u.status = 'active'
 WHERE a.id = :asset_id AND a.origin = 'upload' AND a.status = 'stored'
   AND (a.user_id = u.id OR s.user_id = u.id
        OR EXISTS (SELECT 1 FROM session_members o WHERE o.session_id = s.id AND o.user_id = u.id AND o.left_at IS NULL));

-- name: delete
-- Marks an upload for the sweeper; its row keeps only the storage keys, and `deleted_client_ids` its client_id.
WITH kept AS (
  INSERT INTO deleted_client_ids (session_id, user_id, kind, client_id)
  SELECT session_id, user_id, 'upload', client_id FROM assets WHERE id = :asset_id AND client_id IS NOT NULL
      ON CONFLICT DO NOTHING
)
UPDATE assets a
   SET status = 'deleted', filename = '', placeholder = '', sha256 = '', fingerprint = NULL,
       client_id = NULL, request_hash = NULL
 WHERE id = :asset_id
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;
