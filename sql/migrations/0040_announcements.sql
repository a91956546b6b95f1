-- What the operator tells everybody: one line, shown on all pages until it expires or is withdrawn (`until` is then the past).
CREATE TABLE announcements (
  id         uuid PRIMARY KEY,
  text       text NOT NULL CHECK (length(text) BETWEEN 1 AND 300),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  until      timestamptz NOT NULL
);
CREATE INDEX announcements_until ON announcements (until);

ALTER TABLE announcements ENABLE ROW LEVEL SECURITY;
ALTER TABLE announcements FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON announcements TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON announcements TO chatserver_worker;
