-- The keys of commands whose result was deleted: a version of a picture, or an upload. Their rows go, and a command that was sent
-- once more found nothing: it made another version for another credit, or brought the picture back. Messages keep their own rows.
CREATE TABLE deleted_client_ids (
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind       text NOT NULL CHECK (kind IN ('version', 'upload')),
  client_id  text NOT NULL CHECK (char_length(client_id) BETWEEN 1 AND 64),
  PRIMARY KEY (session_id, user_id, kind, client_id)
);
-- For the end of an account.
CREATE INDEX deleted_client_ids_user ON deleted_client_ids (user_id);

ALTER TABLE deleted_client_ids ENABLE ROW LEVEL SECURITY;
ALTER TABLE deleted_client_ids FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON deleted_client_ids TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own_read ON deleted_client_ids FOR SELECT TO chatserver_web USING (user_id = app_user_id());
GRANT SELECT, INSERT, DELETE ON deleted_client_ids TO chatserver_worker;
GRANT SELECT ON deleted_client_ids TO chatserver_web;

-- An upload keeps its client_id while it is hidden, so that the same command finds it when it is shown again. Meanwhile the web role,
-- which sees nothing of hidden files, is told by the key too. The function of 0064 stays for processes of the version before.
CREATE FUNCTION upload_is_hidden(session uuid, sent_as text, sent bytea, stored text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT upload_is_hidden(session, sent, stored)
      OR EXISTS (SELECT FROM assets a
                  WHERE a.status = 'hidden' AND a.session_id = session AND a.user_id = app_user_id() AND a.client_id = sent_as);
END;

GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION upload_is_hidden(uuid, text, bytea, text) OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
