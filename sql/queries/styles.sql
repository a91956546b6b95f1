-- The styles of pictures.

-- name: all
-- All of them, in their order, without their samples.
SELECT name, words_before, words_after, words_without, sample_digest FROM styles ORDER BY position, name;

-- name: find
-- The style of a name, however it is written.
SELECT name, words_before, words_after, words_without, sample_digest FROM styles WHERE lower(name) = lower(:name);

-- name: save
-- Adds a style at the end, or replaces the one of its name.
INSERT INTO styles (name, words_before, words_after, words_without, sample, sample_digest, position)
VALUES (:name, :words_before, :words_after, :words_without, :sample, :sample_digest,
        (SELECT coalesce(max(position), 0) + 1 FROM styles))
ON CONFLICT ((lower(name))) DO UPDATE
   SET name = excluded.name, words_before = excluded.words_before, words_after = excluded.words_after,
       words_without = excluded.words_without, sample = excluded.sample, sample_digest = excluded.sample_digest;

-- name: remove
-- Removes a style.
DELETE FROM styles WHERE lower(name) = lower(:name) RETURNING name;

-- name: sample
-- A sample by its digest.
SELECT sample FROM styles WHERE sample_digest = :digest;
