-- E-mail that waits to be sent (SMTP_URL). A row says what was asked for and by which address, never what is written: the worker
-- looks the account up and makes the link when it sends, so that no secret is stored and an unknown address costs the same.
CREATE TABLE mail_queue (
  id         uuid PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('reset')),
  address    text NOT NULL CHECK (length(address) <= 254),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts   integer NOT NULL DEFAULT 0
);
CREATE INDEX mail_queue_next ON mail_queue (next_at);

ALTER TABLE mail_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON mail_queue TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_queue TO chatserver_worker;
