-- One row for each call of a provider: what was asked, how long it took, how it ended and what it cost then. Rows outlive
-- generations, sessions and accounts, whose ids are taken out when these are deleted; so there are no references.
CREATE TABLE generation_attempts (
  id            uuid PRIMARY KEY,
  generation_id uuid,
  attempt       integer NOT NULL,
  session_id    uuid,
  user_id       uuid,
  plan_id       text,
  kind          text NOT NULL CHECK (kind IN ('image', 'video')),
  provider      text NOT NULL,
  model         text NOT NULL,
  started_at    timestamptz NOT NULL,
  ended_at      timestamptz NOT NULL,
  -- Seconds; NULL where nobody knows any more.
  waited        double precision,
  loading       double precision,
  rendering     double precision,
  outcome       text NOT NULL CHECK (outcome IN ('done', 'failed', 'cancelled', 'lost')),
  error_code    text,
  blame         text CHECK (blame IN ('provider', 'ours', 'user')),
  width         integer,
  height        integer,
  duration      double precision,
  -- As it was reckoned when the call ended; NULL is unknown, and 0 is nothing.
  cost          numeric(24, 12) CHECK (cost >= 0),
  currency      text,
  price_id      uuid,
  CHECK ((error_code IS NULL) = (blame IS NULL))
);
CREATE INDEX generation_attempts_ended ON generation_attempts (ended_at, id);
CREATE INDEX generation_attempts_generation ON generation_attempts (generation_id) WHERE generation_id IS NOT NULL;
CREATE INDEX generation_attempts_session ON generation_attempts (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX generation_attempts_user ON generation_attempts (user_id) WHERE user_id IS NOT NULL;

-- What was made before: how long it took in all and what it cost is not known.
INSERT INTO generation_attempts (id, generation_id, attempt, session_id, user_id, plan_id, kind, provider, model,
                                 started_at, ended_at, outcome, width, height)
SELECT g.id, g.id, g.attempt, g.session_id, g.user_id, s.plan_id, g.kind, g.provider, g.model,
       coalesce(g.started_at, g.created_at), g.finished_at, 'done', g.width, g.height
  FROM generations g JOIN user_sessions s ON s.id = g.session_id
 WHERE g.status = 'done' AND g.provider <> '';

ALTER TABLE generation_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE generation_attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON generation_attempts TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON generation_attempts TO chatserver_worker;
GRANT UPDATE (generation_id, session_id, user_id) ON generation_attempts TO chatserver_worker;
