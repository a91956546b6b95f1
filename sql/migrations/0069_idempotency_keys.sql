-- The keys of requests that make an album, a share link or a session, or extend a session: a request whose answer was lost is
-- sent once more, and made a second one. They outlive what they have made, so that it is not made anew once it is deleted.
CREATE TABLE idempotency_keys (
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind         text NOT NULL CHECK (kind IN ('album', 'share', 'session')),
  client_id    text NOT NULL CHECK (char_length(client_id) BETWEEN 1 AND 64),
  request_hash bytea NOT NULL,
  result_id    uuid NOT NULL,
  PRIMARY KEY (user_id, kind, client_id)
);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON idempotency_keys TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON idempotency_keys TO chatserver_web USING (user_id = app_user_id());
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO chatserver_worker;
GRANT SELECT, INSERT ON idempotency_keys TO chatserver_web;
