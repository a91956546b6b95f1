-- The operator's metrics.

-- name: is_read_only
-- Whether the database answers, and takes no changes: a standby, or a server that was told so.
SELECT current_setting('transaction_read_only')::boolean;

-- name: generations_by_status
-- The generations that have not ended, and those that ended in the last hour, by kind, status and provider.
SELECT kind, status, provider, count(*) AS n
  FROM (SELECT kind, status, provider FROM generations WHERE status IN ('queued', 'model-loading', 'rendering')
        UNION ALL
        SELECT kind, status, provider FROM generations
         WHERE status = 'done' AND finished_at > now() - interval '1 hour'
        UNION ALL
        SELECT kind, status, provider FROM generations
         WHERE status IN ('failed', 'cancelled') AND finished_at > now() - interval '1 hour') AS lately
 GROUP BY kind, status, provider;

-- name: seconds_of_last_hour
-- The median and the 95th percentile of the seconds from the claim to the end, of what was done in the last hour.
SELECT kind, provider, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
  FROM (SELECT kind, provider, extract(epoch FROM finished_at - started_at) AS seconds FROM generations
         WHERE status = 'done' AND finished_at > now() - interval '1 hour') AS done
 GROUP BY kind, provider;

-- name: oldest_waiting
-- How long the oldest waiting generation has waited, in seconds.
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8 FROM generations
 WHERE status = 'queued';

-- name: sessions_active
-- How many sessions have time left.
SELECT count(*) FROM user_sessions WHERE status = 'active' AND expires_at > now();

-- name: tripped_providers
-- The providers whose breaker is open or lets one trial call through, and which nobody has paused.
SELECT name, last_error_code FROM provider_gates WHERE tripped AND NOT paused ORDER BY name;

-- name: waiting_too_long
-- How many generations have waited for more than so many minutes, and the oldest for how many seconds.
SELECT count(*) AS waiting, coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8 AS oldest
  FROM generations
 WHERE status = 'queued' AND created_at < clock_timestamp() - make_interval(mins => :minutes::integer);
