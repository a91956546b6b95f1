-- Words are looked up in their index, whatever the planner expects. Below some 100,000 prompts it expected less of reading all
-- of them, which takes 16 ms for 50,000, also for somebody who has written ten.
ALTER FUNCTION my_prompts(text, jsonb, uuid, integer) SET enable_seqscan = off;
ALTER FUNCTION my_pictures(jsonb, uuid, uuid, integer) SET enable_seqscan = off;

-- A plan that is kept was made for whoever asked first. For one with few memberships this index promised as little as that of
-- person and session, and rights that were looked up by it read all memberships of one with 10,000: 4 ms for each row.
DROP INDEX session_members_user;
CREATE INDEX session_members_user ON session_members (user_id, session_id);

-- The ends of the sessions of this transaction's user, by which a list of them is ordered; the policies of its rows are asked for
-- those of a page only. Like `joined_sessions` a barrier that belongs to the worker role.
CREATE VIEW joined_session_ends WITH (security_barrier = true) AS
SELECT s.id, s.expires_at FROM session_members m JOIN user_sessions s ON s.id = m.session_id
 WHERE m.user_id = app_user_id() AND m.left_at IS NULL AND s.status <> 'deleted';
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER VIEW joined_session_ends OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
DO $$
BEGIN
  SET LOCAL ROLE chatserver_worker;
  GRANT SELECT ON joined_session_ends TO chatserver_web;
END $$;
SET LOCAL ROLE NONE;
