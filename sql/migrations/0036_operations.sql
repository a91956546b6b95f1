-- The running processes, as each reports itself every few seconds, for the operator's page: who works, and whose leases are
-- left of a process that has gone. `id` is what the ids of its workers begin with.
CREATE TABLE processes (
  id          text PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('web', 'worker', 'all')),
  version     text NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  connections integer NOT NULL DEFAULT 0
);

-- The checks and sweeps that an operator has started, with what they found. They run in one web process, in the background.
CREATE TABLE operator_checks (
  id         uuid PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('books', 'files', 'sweep')),
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at   timestamptz,
  outcome    text CHECK (outcome IN ('clean', 'found', 'failed')),
  findings   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX operator_checks_newest ON operator_checks (kind, id DESC);

-- The operator's order of fall-back; NULL: that of the setting PROVIDERS, after those that have one.
ALTER TABLE provider_gates ADD COLUMN position integer;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['processes', 'operator_checks'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chatserver_worker', name);
  END LOOP;
END $$;
