-- Share links: what their makers show to whoever has the link.

-- name: list
-- A page of the user's links, the newest first, with how many files each shows and the first of them; or one of them.
WITH page AS MATERIALIZED (
  SELECT s.* FROM shares s
   WHERE s.user_id = app_user_id() AND (:share_id::uuid IS NULL OR s.id = :share_id)
     AND (:before::uuid IS NULL OR s.id < :before)
   ORDER BY s.id DESC LIMIT :limit)
SELECT s.id, s.kind, s.title, s.token_hash, s.album_id, s.session_id, s.downloads, s.prompts, s.preview,
       s.password_hash IS NOT NULL AS has_password, s.created_at, s.expires_at, s.last_used_at,
       CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked' WHEN s.expires_at <= now() THEN 'expired'
            WHEN shown.number = 0 AND s.album_id IS NULL AND s.session_id IS NULL THEN 'empty' ELSE 'open' END AS status,
       shown.number AS count, shown.first_id AS cover_id
  FROM page s JOIN my_share_counts(ARRAY(SELECT id FROM page)) shown ON shown.share_id = s.id
 ORDER BY s.id DESC;

-- name: count_own
-- How many links of the user are neither revoked nor expired, and how many there are with those that ended lately.
SELECT count(*) FILTER (WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS open, count(*) AS kept
  FROM shares WHERE user_id = app_user_id();

-- name: insert
-- A new link of the user.
INSERT INTO shares (id, user_id, kind, title, token_hash, album_id, session_id, downloads, prompts, preview, password_hash,
                    expires_at)
VALUES (:id, app_user_id(), :kind, :title, :token_hash, :album_id, :session_id, :downloads, :prompts, :preview,
        :password_hash, now() + make_interval(days => :days::integer));

-- name: add_files
-- Shows those of these files that the user has made, in this order.
INSERT INTO share_assets (share_id, asset_id, position)
SELECT :share_id, a.id, row_number() OVER (ORDER BY wanted.place)
  FROM unnest(:asset_ids::uuid[]) WITH ORDINALITY AS wanted (id, place)
  JOIN assets a ON a.id = wanted.id AND a.user_id = app_user_id() AND a.status = 'stored'
RETURNING asset_id;

-- name: add_album
-- Shows what is in an album now, in its order.
INSERT INTO share_assets (share_id, asset_id, position)
SELECT :share_id, m.asset_id, row_number() OVER (ORDER BY m.position, m.asset_id)
  FROM album_assets m JOIN assets a ON a.id = m.asset_id AND a.user_id = app_user_id() AND a.status = 'stored'
 WHERE m.album_id = :album_id
RETURNING asset_id;

-- name: add_session
-- Shows what the user has made in a session until now, the first one first.
INSERT INTO share_assets (share_id, asset_id, position)
SELECT :share_id, a.id, row_number() OVER (ORDER BY a.id)
  FROM assets a
 WHERE a.session_id = :session_id AND a.user_id = app_user_id() AND a.status = 'stored' AND a.origin = 'generation'
 ORDER BY a.id LIMIT :most
RETURNING asset_id;

-- name: is_member
-- Whether the user is in a session that is not deleted.
SELECT EXISTS (SELECT FROM user_sessions s
                WHERE s.id = :session_id AND s.status <> 'deleted'
                  AND EXISTS (SELECT FROM joined_sessions j WHERE j.session_id = s.id));

-- name: album_name
-- The name of one of the user's albums.
SELECT name FROM albums WHERE id = :album_id AND user_id = app_user_id();

-- name: change
-- Changes what is not NULL of a link that is not revoked; its end where `set_end`.
UPDATE shares
   SET title = coalesce(:title, title), downloads = coalesce(:downloads, downloads), prompts = coalesce(:prompts, prompts),
       preview = coalesce(:preview, preview),
       expires_at = CASE WHEN :set_end THEN now() + make_interval(days => :days::integer) ELSE expires_at END
 WHERE id = :share_id AND user_id = app_user_id() AND revoked_at IS NULL
RETURNING id;

-- name: set_password
-- Sets or removes the password of a link.
UPDATE shares SET password_hash = :password_hash WHERE id = :share_id AND user_id = app_user_id() AND revoked_at IS NULL;

-- name: revoke
-- Revokes a link; once revoked it stays so.
UPDATE shares SET revoked_at = coalesce(revoked_at, now()) WHERE id = :share_id AND user_id = app_user_id() RETURNING id;

-- name: open
-- The link with this secret, where it is open: neither revoked nor expired, its maker neither banned nor gone, what it
-- follows not deleted, and, where it follows nothing, with a file left. `stale`: its last use was noted a minute ago.
SELECT s.id, s.kind, s.title, s.user_id, s.album_id, s.session_id, s.downloads, s.prompts, s.preview, s.password_hash,
       coalesce(b.description, '') AS description,
       s.last_used_at IS NULL OR s.last_used_at < now() - interval '1 minute' AS stale
  FROM shares s JOIN users u ON u.id = s.user_id AND u.status = 'active'
  LEFT JOIN albums b ON b.id = s.album_id
  LEFT JOIN user_sessions p ON p.id = s.session_id
 WHERE s.token_hash = :token_hash AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now())
   AND (p.id IS NULL OR p.status <> 'deleted')
   AND (s.album_id IS NOT NULL OR s.session_id IS NOT NULL
        OR EXISTS (SELECT FROM share_assets m JOIN assets a ON a.id = m.asset_id AND a.status = 'stored'
                    WHERE m.share_id = s.id));

-- name: touch
-- Notes that a link was used.
UPDATE shares SET last_used_at = now() WHERE id = :share_id;

-- name: pictures
-- A page of what a link shows, in its order, after one of its files.
WITH page AS MATERIALIZED (
  SELECT m.position, m.asset_id FROM share_pictures m
   WHERE m.share_id = :share_id
     AND (:after::uuid IS NULL
          OR (m.position, m.asset_id) > (SELECT p.position, p.asset_id FROM share_pictures p
                                          WHERE p.share_id = :share_id AND p.asset_id = :after))
   ORDER BY m.position, m.asset_id LIMIT :limit)
SELECT a.id, a.kind, a.content_type, a.width, a.height, a.bytes, a.placeholder, a.duration_seconds, g.prompt
  FROM page m JOIN assets a ON a.id = m.asset_id AND a.status = 'stored' AND a.user_id = :user_id
  LEFT JOIN generations g ON g.id = a.generation_id
 ORDER BY m.position, m.asset_id;

-- name: count_pictures
-- How many files a link shows.
SELECT count(*) FROM share_pictures WHERE share_id = :share_id;

-- name: picture
-- One file that a link shows: its place among them, and those before and behind it.
SELECT a.id, a.kind, a.content_type, a.width, a.height, a.bytes, a.placeholder, a.duration_seconds, g.prompt,
       g.negative_prompt, g.style, g.seed, g.model, place.number, place.total, place.previous, place.next
  FROM (SELECT m.asset_id, row_number() OVER places AS number, count(*) OVER () AS total,
               lag(m.asset_id) OVER places AS previous, lead(m.asset_id) OVER places AS next
          FROM share_pictures m WHERE m.share_id = :share_id
        WINDOW places AS (ORDER BY m.position, m.asset_id)) AS place
  JOIN assets a ON a.id = place.asset_id AND a.status = 'stored' AND a.user_id = :user_id
  LEFT JOIN generations g ON g.id = a.generation_id
 WHERE place.asset_id = :asset_id;

-- name: file
-- One file that a link shows, as it is served.
SELECT a.* FROM assets a
 WHERE a.id = :asset_id AND a.status = 'stored' AND a.user_id = :user_id
   AND EXISTS (SELECT FROM share_pictures m WHERE m.share_id = :share_id AND m.asset_id = a.id);

-- name: count_files
-- How many of these files a link shows.
SELECT count(*) FROM share_pictures m JOIN assets a ON a.id = m.asset_id AND a.status = 'stored' AND a.user_id = :user_id
 WHERE m.share_id = :share_id AND m.asset_id = ANY(:asset_ids::uuid[]);

-- name: files
-- A part of the files that a link shows, in its order, as they are served.
SELECT a.* FROM share_pictures m JOIN assets a ON a.id = m.asset_id AND a.status = 'stored' AND a.user_id = :user_id
 WHERE m.share_id = :share_id ORDER BY m.position, m.asset_id OFFSET :first LIMIT :limit;

-- name: session_for_prompt
-- The newest session with time left in which a user may make pictures.
SELECT s.id, s.title FROM user_sessions s JOIN session_members m ON m.session_id = s.id AND m.left_at IS NULL
 WHERE m.user_id = app_user_id() AND s.status <> 'deleted' AND s.expires_at > now()
   AND (m.role = 'owner' OR s.guests_may_generate)
 ORDER BY s.id DESC LIMIT 1;

-- name: delete_of_user
-- Deletes every link of a user.
DELETE FROM shares WHERE user_id = :user_id;

-- name: sweep
-- Deletes links that ended a while ago.
DELETE FROM shares
 WHERE revoked_at < now() - make_interval(days => :days::integer)
    OR expires_at < now() - make_interval(days => :days::integer);

-- name: export
-- A page of a user's links, for the export: without their secrets and passwords.
SELECT s.id, s.kind, s.title, s.album_id, s.session_id, s.downloads, s.prompts, s.preview,
       s.password_hash IS NOT NULL AS has_password, s.created_at, s.expires_at, s.last_used_at, s.revoked_at,
       ARRAY(SELECT m.asset_id FROM share_assets m WHERE m.share_id = s.id ORDER BY m.position, m.asset_id) AS asset_ids
  FROM shares s WHERE s.user_id = :user_id AND s.id > :after ORDER BY s.id LIMIT :limit;
