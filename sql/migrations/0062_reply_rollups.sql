-- Sums of replies by buckets of time, as those of calls (0048_rollups.sql).

ALTER TABLE rollup_marks DROP CONSTRAINT rollup_marks_subject_check,
  ADD CONSTRAINT rollup_marks_subject_check CHECK (subject IN ('attempts', 'credits', 'replies'));

CREATE TABLE reply_rollups (
  grain      integer NOT NULL,
  bucket     timestamptz NOT NULL,
  plan_id    text,
  provider   text NOT NULL,
  model      text NOT NULL,
  outcome    text NOT NULL,
  error_code text,
  currency   text,
  replies    bigint NOT NULL,
  -- Of the replies: those of a known cost.
  priced     bigint NOT NULL,
  cost       numeric NOT NULL,
  tokens_in  bigint NOT NULL,
  tokens_out bigint NOT NULL
);
CREATE INDEX reply_rollups_bucket ON reply_rollups (grain, bucket);

-- Histograms of the seconds to the first text, and to the end of replies that were done.
CREATE TABLE reply_time_rollups (
  grain       integer NOT NULL,
  bucket      timestamptz NOT NULL,
  provider    text NOT NULL,
  model       text NOT NULL,
  first_token numeric,
  seconds     numeric
);
CREATE INDEX reply_time_rollups_bucket ON reply_time_rollups (grain, bucket);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['reply_rollups', 'reply_time_rollups'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO chatserver_worker', name);
  END LOOP;
END $$;

CREATE FUNCTION mark_replies() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'replies', quarter_of(ended_at) FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER replies_added AFTER INSERT ON reply_calls REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_replies();
CREATE TRIGGER replies_removed AFTER DELETE ON reply_calls REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_replies();
CREATE TRIGGER replies_changed_from AFTER UPDATE ON reply_calls REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_replies();
CREATE TRIGGER replies_changed_to AFTER UPDATE ON reply_calls REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_replies();

CREATE FUNCTION replies_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, plan_id text, provider text, model text, outcome text, error_code text, currency text,
               replies bigint, priced bigint, cost numeric, tokens_in bigint, tokens_out bigint)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.plan_id, r.provider, r.model, r.outcome, r.error_code, r.currency, r.replies, r.priced, r.cost, r.tokens_in,
         r.tokens_out
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM reply_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT p.label, c.plan_id, c.provider, c.model, c.outcome, c.error_code, c.currency, 1, (c.cost IS NOT NULL)::integer,
         coalesce(c.cost, 0), c.tokens_in, c.tokens_out
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM reply_calls i
                        WHERE i.ended_at >= p.start AND i.ended_at < p.stop OFFSET 0) AS c
   WHERE p.grain = 0
$$;

CREATE FUNCTION reply_times_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, provider text, model text, first_token numeric, seconds numeric)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.provider, r.model, r.first_token, r.seconds
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM reply_time_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT p.label, c.provider, c.model, histogram_of(c.first_token),
         CASE WHEN c.outcome = 'done' THEN histogram_of(c.seconds) END
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM reply_calls i
                        WHERE i.ended_at >= p.start AND i.ended_at < p.stop OFFSET 0) AS c
   WHERE p.grain = 0
$$;

-- As before, but replies too are read from their sums.
CREATE OR REPLACE FUNCTION costs_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, plan_id text, provider text, model text, kind text, currency text, cost numeric, calls bigint,
               priced bigint, done bigint)
LANGUAGE sql STABLE AS $$
  SELECT a.label, a.plan_id, a.provider, a.model, a.kind, a.currency, a.cost, a.calls, a.priced,
         CASE WHEN a.outcome = 'done' THEN a.calls ELSE 0 END
    FROM attempts_in(grains, starts, stops, labels) AS a
   UNION ALL
  SELECT r.label, r.plan_id, r.provider, r.model, 'reply', r.currency, r.cost, r.replies, r.priced, 0
    FROM replies_in(grains, starts, stops, labels) AS r
$$;

-- What was there before is summed up by the first worker.
INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'replies', quarter_of(ended_at) FROM reply_calls;
