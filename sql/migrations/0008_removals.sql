-- Who was sent away from a session stays away until the owner lets them back in: no invite link admits them.
CREATE TABLE session_removals (
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  removed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session_id, user_id)
);
CREATE INDEX session_removals_user ON session_removals (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON session_removals TO chatserver_worker;
GRANT SELECT, INSERT, DELETE ON session_removals TO chatserver_web;
ALTER TABLE session_removals ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_removals FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON session_removals TO chatserver_worker USING (true) WITH CHECK (true);
-- The owner's alone: whoever was sent away can take nothing back.
CREATE POLICY owner ON session_removals TO chatserver_web
  USING (session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = app_user_id()));
