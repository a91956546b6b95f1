-- When the rounds of the workers last read the database's clock; one row. Where it is later than now, the clock was set back,
-- also while nothing ran. The last report of a process, which told of it before, goes with the process.
CREATE TABLE clock_readings (
  is_newest boolean PRIMARY KEY DEFAULT true CHECK (is_newest),
  read_at   timestamptz NOT NULL
);
ALTER TABLE clock_readings ENABLE ROW LEVEL SECURITY;
ALTER TABLE clock_readings FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON clock_readings TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON clock_readings TO chatserver_worker;
