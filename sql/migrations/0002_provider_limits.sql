-- Limits of the picture services that all workers share, by this database's clock: calls at once, calls an hour, a
-- breaker, and the operator's pause.

-- One row for each provider that a worker has worked with. `calls_made` numbers its calls, so that "is the hour used up"
-- is one look at one row: the call so many numbers ago. `closed_until` is set by the breaker and by a 429; `tripped` by
-- the breaker alone, until a trial has gone well; `strikes` counts closings in a row.
CREATE TABLE provider_gates (
  name            text PRIMARY KEY,
  paused          boolean NOT NULL DEFAULT false,
  closed_until    timestamptz,
  tripped         boolean NOT NULL DEFAULT false,
  strikes         integer NOT NULL DEFAULT 0,
  calls_made      bigint NOT NULL DEFAULT 0,
  last_error_code text,
  last_error_at   timestamptz
);

-- The calls of the last hour; older ones are pruned.
CREATE TABLE provider_calls (
  provider   text NOT NULL REFERENCES provider_gates ON DELETE CASCADE,
  number     bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  failed_at  timestamptz,
  PRIMARY KEY (provider, number)
);
CREATE INDEX provider_calls_started ON provider_calls (started_at);
CREATE INDEX provider_calls_failed ON provider_calls (provider, failed_at) WHERE failed_at IS NOT NULL;

-- Whose call a running generation holds: the lease holds it too, so that a crash frees it when the lease ends.
ALTER TABLE generations ADD COLUMN calling text;

GRANT SELECT, INSERT, UPDATE, DELETE ON provider_gates, provider_calls TO chatserver_worker;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['provider_gates', 'provider_calls'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;
