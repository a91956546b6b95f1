-- Sums of what is counted for the operator's figures, by buckets of time. A bucket of `grain` seconds begins at a multiple of
-- `grain` since 1970, UTC; those of 900 seconds are summed from the rows, each larger one from those below it.

-- Quarters of an hour whose rows have changed since they were summed up: they are read from the rows. A mark is added in the
-- transaction of the change, and never updated, so that no transaction waits for another's.
CREATE TABLE rollup_marks (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text NOT NULL CHECK (subject IN ('attempts', 'credits')),
  bucket  timestamptz NOT NULL
);
CREATE INDEX rollup_marks_bucket ON rollup_marks (subject, bucket);

CREATE TABLE attempt_rollups (
  grain      integer NOT NULL,
  bucket     timestamptz NOT NULL,
  plan_id    text,
  kind       text NOT NULL,
  provider   text NOT NULL,
  model      text NOT NULL,
  outcome    text NOT NULL,
  error_code text,
  blame      text,
  currency   text,
  calls      bigint NOT NULL,
  -- Of the calls: those with times, and those of a known cost.
  measured   bigint NOT NULL,
  priced     bigint NOT NULL,
  cost       numeric NOT NULL,
  -- Seconds of the longest clip, or of the longest rendering of a picture.
  longest    double precision,
  last_at    timestamptz NOT NULL
);
CREATE INDEX attempt_rollups_bucket ON attempt_rollups (grain, bucket);

-- How long the calls took that were done. A histogram is one number, so that sum() adds histograms: from the right, each
-- eight digits are the number of calls in a bin. Each bin is 2 % wide; the first one ends at 0.01 seconds.
CREATE TABLE attempt_time_rollups (
  grain     integer NOT NULL,
  bucket    timestamptz NOT NULL,
  kind      text NOT NULL,
  provider  text NOT NULL,
  model     text NOT NULL,
  waited    numeric,
  loading   numeric,
  rendering numeric
);
CREATE INDEX attempt_time_rollups_bucket ON attempt_time_rollups (grain, bucket);

-- Whom calls were made for, as bits: person `number` is bit `number % 4096` of chunk `number / 4096`.
CREATE TABLE attempt_people_rollups (
  grain  integer NOT NULL,
  bucket timestamptz NOT NULL,
  chunk  integer NOT NULL,
  people bit(4096) NOT NULL
);
CREATE INDEX attempt_people_rollups_bucket ON attempt_people_rollups (grain, bucket);

-- The number of a person in these bits. It goes with the account, and no other gets it.
CREATE TABLE attempt_people (
  user_id uuid PRIMARY KEY,
  number  integer GENERATED ALWAYS AS IDENTITY
);

CREATE TABLE credit_rollups (
  grain    integer NOT NULL,
  bucket   timestamptz NOT NULL,
  plan_id  text NOT NULL,
  kind     text NOT NULL,
  held     bigint NOT NULL,
  spent    bigint NOT NULL,
  returned bigint NOT NULL,
  given    bigint NOT NULL
);
CREATE INDEX credit_rollups_bucket ON credit_rollups (grain, bucket);
CREATE INDEX credit_entries_created ON credit_entries (created_at);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['rollup_marks', 'attempt_rollups', 'attempt_time_rollups', 'attempt_people_rollups',
                              'attempt_people', 'credit_rollups'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO chatserver_worker', name);
  END LOOP;
END $$;

-- Marks ----------------------------------------------------------------------------------------------------------------

CREATE FUNCTION quarter_of(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT date_bin('15 minutes', at, '1970-01-01T00:00:00Z') $$;

CREATE FUNCTION mark_attempts() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'attempts', quarter_of(ended_at) FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER attempts_added AFTER INSERT ON generation_attempts REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_attempts();
CREATE TRIGGER attempts_removed AFTER DELETE ON generation_attempts REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_attempts();
CREATE TRIGGER attempts_changed_from AFTER UPDATE ON generation_attempts REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_attempts();
CREATE TRIGGER attempts_changed_to AFTER UPDATE ON generation_attempts REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_attempts();

-- Credits are held by the web role, which neither reads nor writes marks: these belong to the worker role.
CREATE FUNCTION mark_credits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'credits', quarter_of(created_at) FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER credit_entries_added AFTER INSERT ON credit_entries REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_credits();

-- What was used counts for the plan that the session has now, and no more than the session does.
CREATE FUNCTION mark_credits_of_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO rollup_marks (subject, bucket)
  SELECT DISTINCT 'credits', quarter_of(created_at) FROM credit_entries WHERE session_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER user_sessions_plan AFTER UPDATE OF plan_id ON user_sessions
  FOR EACH ROW WHEN (OLD.plan_id IS DISTINCT FROM NEW.plan_id) EXECUTE FUNCTION mark_credits_of_session();
CREATE TRIGGER user_sessions_removed AFTER DELETE ON user_sessions
  FOR EACH ROW EXECUTE FUNCTION mark_credits_of_session();

GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION mark_credits() OWNER TO chatserver_worker;
ALTER FUNCTION mark_credits_of_session() OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;

-- Readers --------------------------------------------------------------------------------------------------------------

-- Each takes pieces of time: buckets of `grain` from `start` to before `stop`, or with a grain of 0 the rows themselves;
-- `label` says what a piece belongs to. OFFSET 0 has each piece looked up in the index, also before there are statistics.

CREATE FUNCTION attempts_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, plan_id text, kind text, provider text, model text, outcome text, error_code text, blame text,
               currency text, calls bigint, measured bigint, priced bigint, cost numeric, longest double precision,
               last_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.plan_id, r.kind, r.provider, r.model, r.outcome, r.error_code, r.blame, r.currency, r.calls, r.measured,
         r.priced, r.cost, r.longest, r.last_at
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM attempt_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT p.label, a.plan_id, a.kind, a.provider, a.model, a.outcome, a.error_code, a.blame, a.currency, 1,
         (a.loading IS NOT NULL)::integer, (a.cost IS NOT NULL)::integer, coalesce(a.cost, 0),
         CASE WHEN a.kind = 'video' THEN a.duration ELSE a.rendering END, a.ended_at
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM generation_attempts i
                        WHERE i.ended_at >= p.start AND i.ended_at < p.stop OFFSET 0) AS a
   WHERE p.grain = 0
$$;

-- A histogram with one call; none where its time is not known. The last bin, the 800th, begins after 20 hours.
CREATE FUNCTION histogram_of(seconds double precision) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ('1' || repeat('00000000', CASE WHEN seconds < 0.01 THEN 0
                                         WHEN seconds >= 0.01
                                         THEN least(floor(ln(seconds / 0.01) / ln(1.02)) + 1, 800)::integer END))::numeric
$$;

CREATE FUNCTION attempt_times_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, kind text, provider text, model text, waited numeric, loading numeric, rendering numeric)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.kind, r.provider, r.model, r.waited, r.loading, r.rendering
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM attempt_time_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT p.label, a.kind, a.provider, a.model, histogram_of(a.waited), histogram_of(a.loading), histogram_of(a.rendering)
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM generation_attempts i
                        WHERE i.ended_at >= p.start AND i.ended_at < p.stop AND i.outcome = 'done' OFFSET 0) AS a
   WHERE p.grain = 0
$$;

-- Whoever has no number yet has neither `chunk` nor `people`.
CREATE FUNCTION attempt_people_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, chunk integer, people bit(4096), user_id uuid)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.chunk, r.people, NULL::uuid
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM attempt_people_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT s.label, n.number / 4096, set_bit(repeat('0', 4096)::bit(4096), n.number % 4096, 1), s.user_id
    FROM (SELECT DISTINCT p.label, a.user_id
            FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
           CROSS JOIN LATERAL (SELECT i.user_id FROM generation_attempts i
                                WHERE i.ended_at >= p.start AND i.ended_at < p.stop OFFSET 0) AS a
           WHERE p.grain = 0 AND a.user_id IS NOT NULL) AS s
    LEFT JOIN attempt_people n ON n.user_id = s.user_id
$$;

CREATE FUNCTION credits_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, plan_id text, kind text, held bigint, spent bigint, returned bigint, given bigint)
LANGUAGE sql STABLE AS $$
  SELECT p.label, r.plan_id, r.kind, r.held, r.spent, r.returned, r.given
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM credit_rollups i
                        WHERE i.grain = p.grain AND i.bucket >= p.start AND i.bucket < p.stop OFFSET 0) AS r
   UNION ALL
  SELECT p.label, s.plan_id, e.kind, (e.action = 'hold')::integer, (e.action = 'capture')::integer,
         (e.action = 'release')::integer, (e.action = 'grant')::integer
    FROM unnest(grains, starts, stops, labels) AS p (grain, start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM credit_entries i
                        WHERE i.created_at >= p.start AND i.created_at < p.stop OFFSET 0) AS e
    JOIN user_sessions s ON s.id = e.session_id
   WHERE p.grain = 0
$$;

-- What was there before is summed up by the first worker.
INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'attempts', quarter_of(ended_at) FROM generation_attempts;
INSERT INTO rollup_marks (subject, bucket) SELECT DISTINCT 'credits', quarter_of(created_at) FROM credit_entries;
