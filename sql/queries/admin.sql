-- The operator's pages.

-- name: hold_role
-- Holds the role of an admin until the end of the transaction; no row where they are none (any more).
SELECT id FROM users WHERE id = :id AND role = 'admin' AND status = 'active' FOR SHARE;

-- name: waiting
-- How many generations and replies wait or are under way, and the seconds that the oldest waiting one has waited.
SELECT (SELECT count(*) FROM generations WHERE status = 'queued') AS generations_waiting,
       (SELECT count(*) FROM generations WHERE status IN ('model-loading', 'rendering')) AS generations_running,
       (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8
          FROM generations WHERE status = 'queued') AS oldest_seconds,
       (SELECT count(DISTINCT worker_id) FROM generations
         WHERE lease_until > clock_timestamp() AND status IN ('queued', 'model-loading', 'rendering')) AS busy_workers;
