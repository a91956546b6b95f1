-- Announcements of the operator.

-- name: lock
-- Those who announce go one after the other, so that no more are shown than fit.
SELECT pg_advisory_xact_lock(hashtext('announcements'));

-- name: current
-- What is shown now, the oldest first.
SELECT id, text, until FROM announcements WHERE until > clock_timestamp() ORDER BY id LIMIT :limit;

-- name: newest
-- The newest ones, also those that are over.
SELECT id, text, until FROM announcements ORDER BY id DESC LIMIT :limit;

-- name: find
-- One announcement.
SELECT id, text, until FROM announcements WHERE id = :id;

-- name: add
-- One more.
INSERT INTO announcements (id, text, until) VALUES (:id, :text, :until);

-- name: withdraw
-- Ends one; no row where it is over already, or never was.
UPDATE announcements SET until = clock_timestamp() WHERE id = :id AND until > clock_timestamp() RETURNING id;
