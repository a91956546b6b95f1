-- Stored files: their rows. The bytes are in the storage, under the keys in the rows.

-- name: origin
-- The requester of a generation and what it shows. Locked ahead of its session, as everywhere: what refers to both takes the
-- session first.
SELECT session_id, user_id, kind, prompt FROM generations WHERE id = :generation_id FOR KEY SHARE;

-- name: stage
-- A row, made before its bytes are stored. The same attempt may stage again until the row is shown.
INSERT INTO assets (id, session_id, user_id, generation_id, attempt, kind, content_type, width, height, bytes, sha256,
                    filename, storage_key, thumbnail_key, placeholder, duration_seconds, fingerprint, hue)
VALUES (:id, :session_id, :user_id, :generation_id, :attempt, :kind, :content_type, :width, :height, :bytes, :sha256,
        :filename, :storage_key, :thumbnail_key, :placeholder, :duration_seconds, fingerprint_bits(:fingerprint),
        :hue)
ON CONFLICT (storage_key) DO UPDATE
   SET content_type = excluded.content_type, width = excluded.width, height = excluded.height, bytes = excluded.bytes,
       sha256 = excluded.sha256, placeholder = excluded.placeholder, duration_seconds = excluded.duration_seconds,
       fingerprint = excluded.fingerprint, hue = excluded.hue, created_at = now()
 WHERE assets.status = 'staged'
RETURNING id, storage_key, thumbnail_key;

-- name: newest_hue
-- The hue of a session's newest picture or clip that has one.
SELECT hue FROM assets
 WHERE session_id = :session_id AND status = 'stored' AND origin = 'generation' AND hue IS NOT NULL
 ORDER BY id DESC LIMIT 1;

-- name: store
-- Shows an asset, whose bytes are stored now. No row where the sweeper has removed it as abandoned.
UPDATE assets SET status = 'stored' WHERE id = :asset_id AND status = 'staged' RETURNING user_id;

-- name: find
-- One stored file, and whether it is a favourite of this transaction's user.
SELECT a.*, EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM assets a WHERE a.id = :asset_id AND a.status = 'stored';

-- name: find_for_signer
-- One stored file, for a link signed by this transaction's user, whose account is live, and so is the sign-in or
-- API token with which it was signed.
SELECT a.* FROM assets a JOIN users u ON u.id = app_user_id() AND u.status = 'active'
 WHERE a.id = :asset_id AND a.status = 'stored'
   AND (:credential_id::uuid IS NULL
        OR EXISTS (SELECT FROM api_tokens t
                    WHERE t.id = :credential_id AND t.user_id = app_user_id() AND t.revoked_at IS NULL)
        OR EXISTS (SELECT FROM sign_ins i WHERE i.id = :credential_id AND i.user_id = app_user_id()
                      AND i.ended_at IS NULL AND i.expires_at > now()));

-- name: provenance
-- How a stored file was made, where it was not uploaded, and the plan of its session.
SELECT a.origin, g.id AS generation_id, g.provider, g.masked, g.model, g.prompt, g.seed,
       COALESCE(g.finished_at, g.created_at) AS made_at, s.plan_id
  FROM assets a JOIN user_sessions s ON s.id = a.session_id
  LEFT JOIN generations g ON g.id = a.generation_id
 WHERE (a.origin = 'upload' OR g.id IS NOT NULL) AND a.id = :asset_id AND a.status = 'stored';

-- name: without_fingerprint
-- Stored files from before there were fingerprints.
SELECT id, thumbnail_key FROM assets WHERE fingerprint IS NULL AND status = 'stored' ORDER BY id LIMIT :limit;

-- name: set_fingerprint
-- The fingerprint of a stored file that had none.
UPDATE assets SET fingerprint = fingerprint_bits(:fingerprint)
 WHERE id = :asset_id AND status = 'stored' AND fingerprint IS NULL;

-- name: mark
-- Makes stored files favourites of this transaction's user; those that were none.
INSERT INTO favorites (user_id, asset_id, session_id, generation_id)
SELECT app_user_id(), a.id, a.session_id, a.generation_id FROM assets a WHERE a.id = ANY(:asset_ids::uuid[]) AND a.status = 'stored'
    ON CONFLICT DO NOTHING RETURNING asset_id, user_id;

-- name: unmark
-- Makes files no favourites of this transaction's user; those that were some.
DELETE FROM favorites WHERE user_id = app_user_id() AND asset_id = ANY(:asset_ids::uuid[]) RETURNING asset_id, user_id;

-- name: marks
-- Which of these files are favourites of this transaction's user.
SELECT asset_id FROM favorites WHERE user_id = app_user_id() AND asset_id = ANY(:asset_ids::uuid[]);

-- name: marks_of
-- The newest files of these sessions that are favourites of these users, for each pair. Needs the worker role.
SELECT w.user_id, w.session_id, own.asset_id
  FROM (SELECT DISTINCT user_id, session_id
          FROM unnest(:user_ids::uuid[], :session_ids::uuid[]) AS pair(user_id, session_id)) AS w,
       LATERAL (SELECT f.asset_id FROM favorites f WHERE f.session_id = w.session_id AND f.user_id = w.user_id
                 ORDER BY f.asset_id DESC LIMIT :most_marks) AS own;

-- name: unmark_all
-- Removes all favourites of a user.
DELETE FROM favorites WHERE user_id = :user_id;

-- name: export_marks
-- A page of a user's favourites, for the export.
SELECT asset_id AS id, created_at FROM favorites WHERE user_id = :user_id AND asset_id > :after
 ORDER BY asset_id LIMIT :limit;

-- name: hide
-- Hides a stored file, with a message where one is given; no row where it is not stored.
UPDATE assets a SET status = 'hidden', hidden_with = :hidden_with
 WHERE id = :asset_id AND status = 'stored'
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: hide_of_message
-- Hides the stored files of a message with it.
UPDATE assets a SET status = 'hidden', hidden_with = :message_id
  FROM generations g WHERE g.id = a.generation_id AND g.message_id = :message_id AND a.status = 'stored'
RETURNING a.generation_id, a.user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: unhide
-- Shows a hidden file again; no row where it is not hidden.
UPDATE assets a SET status = 'stored', hidden_with = NULL WHERE id = :asset_id AND status = 'hidden'
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: unhide_with
-- Shows again what was hidden with a message.
UPDATE assets a SET status = 'stored', hidden_with = NULL WHERE hidden_with = :message_id AND status = 'hidden'
RETURNING generation_id, user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: find_hidden_too
-- One file as an operator sees it, also while it is hidden.
SELECT * FROM assets WHERE id = :asset_id AND status IN ('stored', 'hidden');

-- name: is_stored
-- Whether a file is there for people to see.
SELECT EXISTS (SELECT FROM assets WHERE id = :asset_id AND status = 'stored');

-- name: abandon
-- Staged rows whose attempt can no longer succeed.
UPDATE assets SET status = 'deleted'
 WHERE status = 'staged' AND created_at < now() - make_interval(secs => :older_than::float8);

-- name: deleted
-- Rows whose bytes are to be removed, but those that have failed.
SELECT id, storage_key, thumbnail_key FROM assets
 WHERE status = 'deleted' AND id <> ALL(:failed::uuid[]) ORDER BY created_at LIMIT :limit;

-- name: remove
-- Removes rows whose bytes are removed.
DELETE FROM assets WHERE id = ANY(:asset_ids::uuid[]) AND status = 'deleted';

-- name: known
-- Which of these keys have a row, whatever its status.
SELECT storage_key FROM assets WHERE storage_key = ANY(:keys::text[]);

-- name: owners
-- The users who have stored files.
SELECT DISTINCT user_id FROM assets WHERE status IN ('stored', 'hidden') ORDER BY user_id;

-- name: of_owner
-- One user's stored files, to be compared with the objects in the storage.
SELECT storage_key, thumbnail_key, bytes FROM assets WHERE user_id = :user_id AND status IN ('stored', 'hidden');

-- name: delete_of_generations
-- Marks the files of these generations for the sweeper; their rows keep only the storage keys.
UPDATE assets a
   SET status = 'deleted', generation_id = NULL, filename = '', placeholder = '', sha256 = '',
       fingerprint = NULL, client_id = NULL, request_hash = NULL
 WHERE generation_id = ANY(:generation_ids::uuid[])
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: delete_of_session
-- Marks every file of a session for the sweeper; the rows keep only the storage keys.
UPDATE assets a
   SET status = 'deleted', generation_id = NULL, filename = '', placeholder = '', sha256 = '',
       fingerprint = NULL, client_id = NULL, request_hash = NULL
 WHERE session_id = :session_id AND (status <> 'deleted' OR generation_id IS NOT NULL)
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: delete_of_user
-- Marks every file of a user, and every file in the user's sessions, for the sweeper.
UPDATE assets a
   SET status = 'deleted', filename = '', placeholder = '', sha256 = '', fingerprint = NULL,
       client_id = NULL, request_hash = NULL
 WHERE status <> 'deleted'
   AND (user_id = :user_id OR session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = :user_id))
RETURNING user_id, ARRAY(SELECT f.user_id FROM favorites f WHERE f.asset_id = a.id) AS marked_by;

-- name: export
-- A page of a user's files, for the export.
SELECT id, session_id, generation_id, origin, kind, status = 'hidden' AS hidden, content_type, width, height, bytes, sha256, filename, created_at
  FROM assets WHERE user_id = :user_id AND status IN ('stored', 'hidden') AND id > :after ORDER BY id LIMIT :limit;

-- name: of_session
-- A page of the pictures and clips of a session, the newest first.
SELECT a.id, a.generation_id, g.message_id, a.kind, g.prompt,
       EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM assets a JOIN generations g ON g.id = a.generation_id
 WHERE a.session_id = :session_id AND a.status = 'stored' AND (:before::uuid IS NULL OR a.id < :before)
 ORDER BY a.id DESC LIMIT :limit;

-- name: favorites_of_session
-- The same for the favourites of this transaction's user.
SELECT a.id, a.generation_id, g.message_id, a.kind, g.prompt, true AS is_favorite
  FROM favorites f JOIN assets a ON a.id = f.asset_id JOIN generations g ON g.id = a.generation_id
 WHERE f.session_id = :session_id AND f.user_id = app_user_id() AND a.status = 'stored'
   AND (:before::uuid IS NULL OR f.asset_id < :before)
 ORDER BY f.asset_id DESC LIMIT :limit;
