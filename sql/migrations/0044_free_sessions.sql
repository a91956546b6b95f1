-- Free sessions that were taken from one network lately: their times, as many as are allowed in a day. Lost in a crash of Postgres,
-- which costs nobody anything.
CREATE UNLOGGED TABLE free_session_networks (
  -- A keyed hash: addresses are few, and would be found by trying all of them.
  network text PRIMARY KEY,
  times   timestamptz[] NOT NULL
) WITH (fillfactor = 50);

ALTER TABLE free_session_networks ENABLE ROW LEVEL SECURITY;
ALTER TABLE free_session_networks FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON free_session_networks TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON free_session_networks TO chatserver_worker;

-- The free sessions of everybody together are counted before the next one is given.
CREATE INDEX revenue_entries_free ON revenue_entries (at) WHERE kind = 'purchase' AND checkout = 'instant';
