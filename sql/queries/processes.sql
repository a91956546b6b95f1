-- The running processes.

-- name: report
-- A process reports itself: that it runs, and how many websockets it has. Those that were not heard of for a day are removed.
-- A report at a time that is yet to come stays, until `set_back` has seen it.
WITH gone AS (DELETE FROM processes WHERE seen_at < clock_timestamp() - interval '1 day' AND id <> :id)
INSERT INTO processes (id, kind, version, connections) VALUES (:id, :kind, :version, :connections)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, version = excluded.version, connections = excluded.connections,
                               seen_at = greatest(processes.seen_at, clock_timestamp());

-- name: lock_clock
-- Waits until no other transaction looks whether the clock was set back; until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('clock', 0));

-- name: set_back
-- By how many seconds the clock was set back, where a process has reported at a time that is yet to come; NULL elsewhere. The
-- reports are then of now, so that it is told once.
WITH ahead AS (SELECT max(seen_at) AS at FROM processes
                WHERE seen_at > clock_timestamp() + make_interval(secs => :least::float8)),
     told AS (UPDATE processes SET seen_at = clock_timestamp()
               WHERE seen_at > clock_timestamp() AND (SELECT at FROM ahead) IS NOT NULL)
SELECT extract(epoch FROM at - clock_timestamp())::float8 FROM ahead;

-- name: leave
-- A process that ends is not waited for.
DELETE FROM processes WHERE id = :id;

-- name: list
-- The processes, those seen last first; `silent_seconds` since their last report.
SELECT id, kind, version, started_at, connections,
       extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_seconds
  FROM processes ORDER BY seen_at DESC LIMIT 200;
