-- The seq up to which a member has seen a session's stream; what came after it is new to them.
CREATE TABLE session_reads (
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  seen_seq   bigint NOT NULL,
  PRIMARY KEY (session_id, user_id)
) WITH (fillfactor = 70);
CREATE INDEX session_reads_user ON session_reads (user_id);
-- What is there already is not new.
INSERT INTO session_reads (session_id, user_id, seen_seq)
SELECT m.session_id, m.user_id, s.seq FROM session_members m JOIN user_sessions s ON s.id = m.session_id
 WHERE m.left_at IS NULL;

-- A session that nobody has named is not called like its plan, of which there may be many.
UPDATE user_sessions SET title = 'New session' WHERE untitled;

-- The list of sessions begins with the newest of a member, and counts what is being made in each.
CREATE INDEX session_members_newest ON session_members (user_id, session_id DESC) WHERE left_at IS NULL;
DROP INDEX session_members_user;
CREATE INDEX generations_unfinished ON generations (session_id)
  WHERE status IN ('queued', 'model-loading', 'rendering');
CREATE INDEX assets_favorites_of_session ON assets (session_id, id DESC) WHERE favorite AND status = 'stored';
-- One's own messages and prompts are searched from the newest on.
CREATE INDEX messages_author ON messages (user_id, id DESC) WHERE user_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON session_reads TO chatserver_worker;
GRANT SELECT, INSERT, UPDATE (seen_seq) ON session_reads TO chatserver_web;
ALTER TABLE session_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_reads FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON session_reads TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON session_reads TO chatserver_web
  USING (user_id = app_user_id() AND session_id IN (SELECT my_sessions()));
