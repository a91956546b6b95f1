-- Albums: a person's own pictures and clips under a name, in an order of its own.

-- name: list
-- A page of the user's albums, the newest first: how many files each has, its cover, and whether it holds a file.
SELECT b.id, b.name, b.description, b.created_at,
       (SELECT count(*) FROM album_assets m WHERE m.album_id = b.id) AS count,
       coalesce((SELECT m.asset_id FROM album_assets m WHERE m.album_id = b.id AND m.asset_id = b.cover_id),
                (SELECT m.asset_id FROM album_assets m WHERE m.album_id = b.id
                  ORDER BY m.position, m.asset_id LIMIT 1)) AS cover_id,
       EXISTS (SELECT FROM album_assets m WHERE m.album_id = b.id AND m.asset_id = :asset_id::uuid) AS holds
  FROM albums b
 WHERE b.user_id = app_user_id() AND (:album_id::uuid IS NULL OR b.id = :album_id)
   AND (:before::uuid IS NULL OR b.id < :before)
 ORDER BY b.id DESC LIMIT :limit;

-- name: count_of_user
-- How many albums the user has.
SELECT count(*) FROM albums WHERE user_id = app_user_id();

-- name: insert
-- A new album of the user.
INSERT INTO albums (id, user_id, name, description) VALUES (:id, app_user_id(), :name, :description)
RETURNING user_id;

-- name: lock
-- Locks one of the user's albums until COMMIT, so that concurrent changes of its order and size follow each other.
SELECT user_id FROM albums WHERE id = :album_id AND user_id = app_user_id() FOR UPDATE;

-- name: change
-- Changes what is not NULL of an album.
UPDATE albums
   SET name = coalesce(:name, name), description = coalesce(:description, description),
       cover_id = coalesce(:cover_id::uuid, cover_id)
 WHERE id = :album_id AND user_id = app_user_id();

-- name: holds
-- Whether an album holds a file.
SELECT EXISTS (SELECT FROM album_assets m WHERE m.album_id = :album_id AND m.asset_id = :asset_id);

-- name: delete
-- Deletes an album; its files stay.
DELETE FROM albums WHERE id = :album_id AND user_id = app_user_id() RETURNING user_id;

-- name: pictures
-- A page of an album's files in its order, after a place in it.
WITH page AS MATERIALIZED (
  SELECT m.position, m.asset_id FROM album_assets m
   WHERE m.album_id = :album_id
     AND (:after::uuid IS NULL
          OR (m.position, m.asset_id) > (SELECT p.position, p.asset_id FROM album_assets p
                                          WHERE p.album_id = :album_id AND p.asset_id = :after))
   ORDER BY m.position, m.asset_id LIMIT :limit)
SELECT a.id, a.kind, a.content_type, a.width, a.height, a.bytes, a.filename, a.placeholder,
       a.duration_seconds, a.generation_id, g.prompt
  FROM page m JOIN assets a ON a.id = m.asset_id LEFT JOIN generations g ON g.id = a.generation_id
 ORDER BY m.position, m.asset_id;

-- name: count_pictures
-- How many files an album has, and how many of these are in it already.
SELECT count(*) AS count, count(*) FILTER (WHERE asset_id = ANY(:asset_ids::uuid[])) AS known
  FROM album_assets WHERE album_id = :album_id;

-- name: add
-- Adds those of these files that the user has made, in this order, behind the others.
INSERT INTO album_assets (album_id, asset_id, position)
SELECT :album_id, a.id,
       coalesce((SELECT max(m.position) FROM album_assets m WHERE m.album_id = :album_id), 0)
       + row_number() OVER (ORDER BY wanted.place)
  FROM unnest(:asset_ids::uuid[]) WITH ORDINALITY AS wanted (id, place)
  JOIN assets a ON a.id = wanted.id AND a.user_id = app_user_id() AND a.status = 'stored'
ON CONFLICT (album_id, asset_id) DO NOTHING
RETURNING asset_id;

-- name: remove
-- Takes files out of an album.
WITH taken AS (
  DELETE FROM album_assets WHERE album_id = :album_id AND asset_id = ANY(:asset_ids::uuid[]) RETURNING asset_id
), uncovered AS (
  UPDATE albums SET cover_id = NULL WHERE id = :album_id AND cover_id = ANY(:asset_ids::uuid[])
)
SELECT count(*) FROM taken;

-- name: move
-- Puts one file of an album before another one, or at the end, and numbers them all from 1.
WITH others AS (
  SELECT asset_id, row_number() OVER (ORDER BY position, asset_id) * 2 AS place
    FROM album_assets WHERE album_id = :album_id AND asset_id <> :asset_id::uuid
), ordered AS (
  SELECT asset_id, row_number() OVER (ORDER BY place) AS position
    FROM (SELECT asset_id, place FROM others
          UNION ALL
          SELECT :asset_id::uuid, coalesce((SELECT o.place - 1 FROM others o WHERE o.asset_id = :before::uuid),
                                           (SELECT max(o.place) + 1 FROM others o), 1)) AS every
)
UPDATE album_assets m SET position = o.position
  FROM ordered o WHERE m.album_id = :album_id AND m.asset_id = o.asset_id AND m.position <> o.position;

-- name: delete_of_user
-- Deletes every album of a user.
DELETE FROM albums WHERE user_id = :user_id;

-- name: export
-- A page of a user's albums with the ids of their files, for the export.
SELECT b.id, b.name, b.description, b.created_at,
       ARRAY(SELECT m.asset_id FROM album_assets m WHERE m.album_id = b.id ORDER BY m.position, m.asset_id) AS asset_ids
  FROM albums b WHERE b.user_id = :user_id AND b.id > :after ORDER BY b.id LIMIT :limit;
