-- The gallery: ids are found by the functions of migrations 0024 and 0028, which take the user from the transaction.

-- name: ids
-- The ids of the pictures that fit, before or after one of them.
SELECT my_pictures(:filters::jsonb, :older::uuid, :newer::uuid, :limit::integer) AS id;

-- name: pictures
-- Stored files that the user may see, by id, the newest first; an upload has its file name as prompt.
SELECT a.*, coalesce(g.prompt, a.filename) AS prompt, a.user_id = app_user_id() AS is_mine,
       EXISTS (SELECT FROM favorites f WHERE f.user_id = app_user_id() AND f.asset_id = a.id) AS is_favorite
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id
 WHERE a.id = ANY(:asset_ids::uuid[]) AND a.status = 'stored' ORDER BY a.id DESC;

-- name: counts
-- How many pictures that fit there are between these ids, by the place of the bound before.
SELECT place, number FROM my_picture_counts(:filters::jsonb, :bounds::uuid[]);

-- name: choices
-- Each model, style, longer side and session of one's own newest 50,000 pictures, with how many there are.
SELECT * FROM my_picture_choices();

-- name: titles
-- The titles of sessions that the user may see.
SELECT id, title FROM user_sessions WHERE id = ANY(:session_ids::uuid[]);

-- name: albums
-- The user's albums, the newest first, with how many files each has.
SELECT b.id, b.name, (SELECT count(*) FROM album_assets x WHERE x.album_id = b.id) AS number
  FROM albums b WHERE b.user_id = app_user_id() ORDER BY b.id DESC LIMIT :limit;

-- name: generations_of
-- The generations of these files, as their settings are shown.
SELECT g.*, false AS credit_returned, NULL::float8 AS eta_seconds, a.id AS asset_id
  FROM assets a JOIN generations g ON g.id = a.generation_id
 WHERE a.id = ANY(:asset_ids::uuid[]) AND a.status = 'stored';

-- name: files
-- Stored files that the user may see, to be packed: the newest first.
SELECT a.*
  FROM assets a WHERE a.id = ANY(:asset_ids::uuid[]) AND a.status = 'stored' ORDER BY a.id DESC;

-- name: files_of_message
-- The stored files of a message that the user may see, to be packed, in the order of the message.
SELECT a.*, g.prompt
  FROM generations g JOIN assets a ON a.generation_id = g.id
 WHERE g.message_id = :message_id AND a.status = 'stored' ORDER BY g.number;

-- name: open_sessions
-- The user's newest sessions with time left in which they may have pictures made.
SELECT s.id, s.title FROM session_members m JOIN user_sessions s ON s.id = m.session_id
 WHERE m.user_id = app_user_id() AND m.left_at IS NULL AND s.status = 'active' AND s.expires_at > now()
   AND (s.user_id = app_user_id() OR s.guests_may_generate)
 ORDER BY s.id DESC LIMIT :limit;
