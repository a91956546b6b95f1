-- Sums of the operator's figures by buckets of time: which have to be summed up again, and how (docs/database.md).

-- name: changed_buckets
-- The quarters of an hour in a period whose rows have changed since they were summed up.
SELECT DISTINCT bucket FROM rollup_marks
 WHERE subject = ANY(:subjects::text[]) AND bucket > :start::timestamptz - interval '15 minutes' AND bucket < :stop::timestamptz
 ORDER BY bucket;

-- name: lock
-- Waits until no other transaction sums up; until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('rollups', 0));

-- name: take_marks
-- Takes the marks of the oldest changed buckets that begin before a time, all in one UTC day. Whatever was committed with them
-- is seen by the statements that follow; what comes later has its own mark.
WITH oldest AS (SELECT min(bucket) AS bucket FROM rollup_marks WHERE subject = :subject AND bucket < :before),
     taken AS (SELECT DISTINCT m.bucket FROM rollup_marks m, oldest o
                WHERE m.subject = :subject AND m.bucket < :before
                  AND m.bucket < date_bin('1 day', o.bucket, '1970-01-01T00:00:00Z') + interval '1 day'
                ORDER BY m.bucket LIMIT :most)
DELETE FROM rollup_marks WHERE subject = :subject AND bucket IN (SELECT bucket FROM taken) RETURNING bucket;

-- name: mark_attempts
-- Marks every quarter of an hour that has calls, or sums of calls.
WITH RECURSIVE quarters (bucket) AS (
  SELECT quarter_of(min(ended_at)) FROM generation_attempts
   UNION ALL
  SELECT (SELECT quarter_of(min(ended_at)) FROM generation_attempts WHERE ended_at >= q.bucket + interval '15 minutes')
    FROM quarters q WHERE q.bucket IS NOT NULL)
INSERT INTO rollup_marks (subject, bucket)
SELECT 'attempts', bucket FROM quarters WHERE bucket IS NOT NULL
 UNION SELECT 'attempts', bucket FROM attempt_rollups WHERE grain = :grain
 UNION SELECT 'attempts', bucket FROM attempt_people_rollups WHERE grain = :grain;

-- name: mark_credits
-- Marks every quarter of an hour that has lines of the credit statement, or sums of them.
WITH RECURSIVE quarters (bucket) AS (
  SELECT quarter_of(min(created_at)) FROM credit_entries
   UNION ALL
  SELECT (SELECT quarter_of(min(created_at)) FROM credit_entries WHERE created_at >= q.bucket + interval '15 minutes')
    FROM quarters q WHERE q.bucket IS NOT NULL)
INSERT INTO rollup_marks (subject, bucket)
SELECT 'credits', bucket FROM quarters WHERE bucket IS NOT NULL
 UNION SELECT 'credits', bucket FROM credit_rollups WHERE grain = :grain;

-- name: mark_replies
-- Marks every quarter of an hour that has replies, or sums of replies.
WITH RECURSIVE quarters (bucket) AS (
  SELECT quarter_of(min(ended_at)) FROM reply_calls
   UNION ALL
  SELECT (SELECT quarter_of(min(ended_at)) FROM reply_calls WHERE ended_at >= q.bucket + interval '15 minutes')
    FROM quarters q WHERE q.bucket IS NOT NULL)
INSERT INTO rollup_marks (subject, bucket)
SELECT 'replies', bucket FROM quarters WHERE bucket IS NOT NULL
 UNION SELECT 'replies', bucket FROM reply_rollups WHERE grain = :grain;

-- name: remove_attempts
-- Removes the sums of calls of some buckets.
DELETE FROM attempt_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_attempts
-- Sums up calls; each piece is labelled with its bucket.
INSERT INTO attempt_rollups (grain, bucket, plan_id, kind, provider, model, outcome, error_code, blame, currency, calls,
                             measured, priced, cost, longest, last_at)
SELECT :grain::integer, label::timestamptz, plan_id, kind, provider, model, outcome, error_code, blame, currency, sum(calls),
       sum(measured), sum(priced), sum(cost), max(longest), max(last_at)
  FROM attempts_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, plan_id, kind, provider, model, outcome, error_code, blame, currency;

-- name: remove_times
-- Removes the histograms of some buckets.
DELETE FROM attempt_time_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_times
-- Adds up histograms; each piece is labelled with its bucket.
INSERT INTO attempt_time_rollups (grain, bucket, kind, provider, model, waited, loading, rendering)
SELECT :grain::integer, label::timestamptz, kind, provider, model, sum(waited), sum(loading), sum(rendering)
  FROM attempt_times_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, kind, provider, model;

-- name: number_people
-- Numbers whoever has calls in some quarters of an hour and no number yet.
INSERT INTO attempt_people (user_id)
SELECT DISTINCT user_id
  FROM attempt_people_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE chunk IS NULL;

-- name: remove_people
-- Removes the people of some buckets.
DELETE FROM attempt_people_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_people
-- Joins the people; each piece is labelled with its bucket. Whoever came since they were numbered has a mark.
INSERT INTO attempt_people_rollups (grain, bucket, chunk, people)
SELECT :grain::integer, label::timestamptz, chunk, bit_or(people)
  FROM attempt_people_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 WHERE chunk IS NOT NULL GROUP BY label, chunk;

-- name: forget_person
-- Takes away the number of a person, so that nothing says any more whose bits are theirs.
DELETE FROM attempt_people WHERE user_id = :user_id;

-- name: remove_credits
-- Removes the sums of credits of some buckets.
DELETE FROM credit_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_credits
-- Sums up credits; each piece is labelled with its bucket.
INSERT INTO credit_rollups (grain, bucket, plan_id, kind, held, spent, returned, given)
SELECT :grain::integer, label::timestamptz, plan_id, kind, sum(held), sum(spent), sum(returned), sum(given)
  FROM credits_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, plan_id, kind;

-- name: remove_replies
-- Removes the sums of replies of some buckets.
DELETE FROM reply_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_replies
-- Sums up replies; each piece is labelled with its bucket.
INSERT INTO reply_rollups (grain, bucket, plan_id, provider, model, outcome, error_code, currency, replies, priced, cost, tokens_in,
                           tokens_out)
SELECT :grain::integer, label::timestamptz, plan_id, provider, model, outcome, error_code, currency, sum(replies), sum(priced),
       sum(cost), sum(tokens_in), sum(tokens_out)
  FROM replies_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, plan_id, provider, model, outcome, error_code, currency;

-- name: remove_reply_times
-- Removes the histograms of replies of some buckets.
DELETE FROM reply_time_rollups WHERE grain = :grain AND bucket = ANY(:buckets::timestamptz[]);

-- name: add_reply_times
-- Adds up histograms of replies; each piece is labelled with its bucket.
INSERT INTO reply_time_rollups (grain, bucket, provider, model, first_token, seconds)
SELECT :grain::integer, label::timestamptz, provider, model, sum(first_token), sum(seconds)
  FROM reply_times_in(:grains::integer[], :starts::timestamptz[], :stops::timestamptz[], :labels::text[])
 GROUP BY label, provider, model;
