-- People take turns in the queue, then their sessions: indexes lead from one to the next, and tell a person's last turn.
CREATE INDEX generations_queue_of_people ON generations (user_id, session_id, id) WHERE status = 'queued';
DROP INDEX generations_queue;
CREATE INDEX generations_turns_of_people ON generations (user_id, started_at) WHERE started_at IS NOT NULL;

-- Whose question a reply answers, for its turn. NULL is what was there before: its session has the turn.
ALTER TABLE messages ADD COLUMN asked_by uuid;
CREATE INDEX messages_replies_of_people ON messages (coalesce(asked_by, session_id), session_id, id)
  WHERE status = 'streaming';
DROP INDEX messages_streaming;

-- What a person did lately, by kind: the newest moments, as many as the kind's budget. Lost in a crash of Postgres, which
-- costs nobody anything; and so not written twice.
CREATE UNLOGGED TABLE budgets (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind    text NOT NULL,
  times   timestamptz[] NOT NULL,
  PRIMARY KEY (user_id, kind)
) WITH (fillfactor = 50);

-- A person's open sessions, and what they took lately, are counted before the next one is sold.
CREATE INDEX user_sessions_open ON user_sessions (user_id, expires_at);
CREATE INDEX purchases_user ON purchases (user_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON budgets TO chatserver_worker;
GRANT SELECT, INSERT, UPDATE (times) ON budgets TO chatserver_web;
ALTER TABLE budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON budgets TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON budgets TO chatserver_web USING (user_id = app_user_id());
