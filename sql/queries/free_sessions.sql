-- Limits of free sessions (CHECKOUT=instant): of one network, and of everybody together. (rate_limits.sql has a person's.)

-- name: count_network
-- Counts one of a network where the limit allows it; no row where it does not. The row is locked until COMMIT.
INSERT INTO free_session_networks AS n (network, times) VALUES (:network, ARRAY[clock_timestamp()])
ON CONFLICT (network) DO UPDATE
   SET times = (n.times || clock_timestamp())[greatest(cardinality(n.times) + 2 - :most::integer, 1):]
 WHERE cardinality(n.times) < :most
    OR n.times[cardinality(n.times) + 1 - :most] <= clock_timestamp() - interval '1 day'
RETURNING true;

-- name: of_network
-- How many a network has had in a day, and the seconds until `most` allows another; NULL where it allows one now.
SELECT count(*) FILTER (WHERE t.at > clock_timestamp() - interval '1 day') AS used,
       extract(epoch FROM (max(t.at) FILTER (WHERE t.place = cardinality(n.times) + 1 - :most::integer))
                          + interval '1 day' - clock_timestamp())::float8 AS seconds
  FROM free_session_networks n CROSS JOIN LATERAL unnest(n.times) WITH ORDINALITY AS t (at, place)
 WHERE n.network = :network;

-- name: sweep
-- Deletes what no longer counts.
DELETE FROM free_session_networks WHERE coalesce(times[cardinality(times)], '-infinity') < now() - interval '1 day';

-- name: lock_everybody
-- Serialises free sessions until COMMIT, so that the count of all of them is exact.
SELECT pg_advisory_xact_lock(hashtextextended('free sessions', 0));

-- name: of_everybody
-- How many were given in a day, `most` at most, and the seconds until the earliest of these is a day old.
SELECT count(*) AS used, extract(epoch FROM min(at) + interval '1 day' - clock_timestamp())::float8 AS seconds
  FROM (SELECT at FROM revenue_entries
         WHERE kind = 'purchase' AND checkout = 'instant' AND at > clock_timestamp() - interval '1 day'
         ORDER BY at DESC LIMIT :most) AS newest;

-- name: bring_forward
-- After the clock was set back by so many seconds: the times that are counted.
UPDATE free_session_networks
   SET times = ARRAY(SELECT CASE WHEN t > clock_timestamp() THEN t - make_interval(secs => :seconds::float8) ELSE t END
                       FROM unnest(times) AS t ORDER BY 1)
 WHERE EXISTS (SELECT FROM unnest(times) AS t WHERE t > clock_timestamp());
