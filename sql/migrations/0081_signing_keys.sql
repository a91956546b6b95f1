-- By which SECRET_KEY the process that started last signs: a mark of it, from which nobody learns the key; one row. Machines that
-- were given different ones, and a database that was moved without its key, are told by it.
CREATE TABLE signing_keys (
  is_newest boolean PRIMARY KEY DEFAULT true CHECK (is_newest),
  mark      text NOT NULL
);
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON signing_keys TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON signing_keys TO chatserver_worker;
