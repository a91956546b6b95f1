-- The audit log: every act of an operator, on the page or on the command line. It is only ever added to.
CREATE TABLE audit_entries (
  id          uuid PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- No references: an entry outlives the account that acted and what it acted on.
  actor_id    uuid,
  actor       text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
  action      text NOT NULL CHECK (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
  target_kind text NOT NULL,
  target_id   text NOT NULL,
  -- Whose account, session or picture it was: they may ask who has looked at what is theirs.
  subject_id  uuid,
  address     text NOT NULL DEFAULT '',
  reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
  details     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entries_action ON audit_entries (action, id);
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, id);
CREATE INDEX audit_entries_target ON audit_entries (target_id, id);
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, id) WHERE subject_id IS NOT NULL;

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_entries is append-only';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_never_emptied BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

ALTER TABLE audit_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON audit_entries TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON audit_entries TO chatserver_worker;
