-- Alarms to the operator by e-mail (ALARM_EMAIL): when each kind was raised last, so that nobody is told more than once an hour.
CREATE TABLE alarms (
  kind      text PRIMARY KEY,
  raised_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE alarms ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarms FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON alarms TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON alarms TO chatserver_worker;

ALTER TABLE mail_queue DROP CONSTRAINT mail_queue_kind_check;
ALTER TABLE mail_queue ADD CONSTRAINT mail_queue_kind_check CHECK (kind IN ('reset', 'alarm'));
-- What an alarm says: figures and names of providers, nothing of people.
ALTER TABLE mail_queue ADD COLUMN words text;
