-- Whether an upload has been hidden already: of this user, or in this session, by its bytes as they were sent or are stored.
-- Asked by the web role, which sees nothing of hidden files.
CREATE FUNCTION upload_is_hidden(session uuid, sent bytea, stored text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM assets a
                  WHERE a.status = 'hidden' AND a.origin = 'upload' AND (a.request_hash = sent OR a.sha256 = stored)
                    AND (a.user_id = app_user_id() OR a.session_id = session));
END;

GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION upload_is_hidden(uuid, bytea, text) OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
