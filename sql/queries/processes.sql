-- The running processes.

-- name: report
-- A process reports itself: that it runs, and how many websockets it has. Those that were not heard of for a day are removed.
WITH gone AS (DELETE FROM processes WHERE seen_at < clock_timestamp() - interval '1 day' AND id <> :id)
INSERT INTO processes (id, kind, version, connections) VALUES (:id, :kind, :version, :connections)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, version = excluded.version, connections = excluded.connections,
                               seen_at = clock_timestamp();

-- name: signs_otherwise
-- Notes by which key the process that starts signs; whether the one before it signed by another. No row where there was none.
WITH before AS (SELECT mark FROM signing_keys),
     noted AS (INSERT INTO signing_keys (mark) VALUES (:mark)
               ON CONFLICT (is_newest) DO UPDATE SET mark = excluded.mark WHERE signing_keys.mark <> excluded.mark)
SELECT mark <> :mark FROM before;

-- name: lock_clock
-- Waits until no other transaction looks whether the clock was set back; until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('clock', 0));

-- name: set_back
-- Reads the clock. By how many seconds it was set back since it was read last; NULL where it was not. The caller holds the lock.
WITH before AS (SELECT read_at FROM clock_readings),
     noted AS (INSERT INTO clock_readings (read_at) VALUES (clock_timestamp())
               ON CONFLICT (is_newest) DO UPDATE SET read_at = excluded.read_at)
SELECT extract(epoch FROM read_at - clock_timestamp())::float8 FROM before
 WHERE read_at > clock_timestamp() + make_interval(secs => :least::float8);

-- name: leave
-- A process that ends is not waited for.
DELETE FROM processes WHERE id = :id;

-- name: list
-- The processes, those seen last first; `silent_seconds` since their last report.
SELECT id, kind, version, started_at, connections,
       extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_seconds
  FROM processes ORDER BY seen_at DESC LIMIT 200;
