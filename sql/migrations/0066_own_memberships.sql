-- What a command reads first is one's own membership, with a little of the session, the owner and the plan. Read with the rights
-- of who asks, each of its five tables had the policies of its rows looked up besides, which took longer than the rows: a tenth
-- of what a message costs Postgres. As a view of the worker role it shows the same rows, those of this transaction's user; as
-- a barrier it lets no expression of the one who asks see others (like `joined_sessions`).
ALTER VIEW my_memberships SET (security_invoker = false, security_barrier = true);
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER VIEW my_memberships OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
