-- Rate limits of users: the newest times of each kind, as many as are allowed in a window. The row is locked until the end
-- of the transaction, so that later counts of the same user in it are exact.

-- name: consume
-- Counts one action where the limit allows it (0: always); no row where it does not.
SELECT true WHERE count_in_budget(coalesce(:user_id::uuid, app_user_id()), :kind, :most, :seconds);

-- name: wait
-- Seconds until the limit allows another action.
SELECT extract(epoch FROM times[cardinality(times) + 1 - :most::integer] - clock_timestamp())::float8 + :seconds::float8
  FROM budgets WHERE user_id = coalesce(:user_id::uuid, app_user_id()) AND kind = :kind;

-- name: used
-- How often the action was done within the window.
SELECT count(*) FROM budgets b CROSS JOIN LATERAL unnest(b.times) AS t (at)
 WHERE b.user_id = coalesce(:user_id::uuid, app_user_id()) AND b.kind = :kind
   AND t.at > clock_timestamp() - make_interval(secs => :seconds::float8);

-- name: sweep
-- Deletes rows that nobody used for a day: no window is longer.
DELETE FROM budgets WHERE coalesce(times[cardinality(times)], '-infinity') < now() - interval '1 day';

-- name: bring_forward
-- After the clock was set back by so many seconds: the times that are counted.
UPDATE budgets
   SET times = ARRAY(SELECT CASE WHEN t > clock_timestamp() THEN t - make_interval(secs => :seconds::float8) ELSE t END
                       FROM unnest(times) AS t ORDER BY 1)
 WHERE EXISTS (SELECT FROM unnest(times) AS t WHERE t > clock_timestamp());
