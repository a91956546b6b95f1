-- What an operator finds and gives.

-- People are found by the beginning of their name or address.
CREATE INDEX users_name_prefix ON users (lower(name) text_pattern_ops) WHERE status <> 'deleted';
CREATE INDEX users_email_prefix ON users (lower(email) text_pattern_ops) WHERE status <> 'deleted';

-- The audit log is filtered by actors as they are shown.
CREATE INDEX audit_entries_actor_name ON audit_entries (actor, id);
DROP INDEX audit_entries_actor;

-- Extra credits are rows like those of the plan, each with a line in the statement that says why it was given.
ALTER TABLE credits ADD COLUMN extra boolean NOT NULL DEFAULT false;
ALTER TABLE credit_entries
  ALTER COLUMN generation_id DROP NOT NULL,
  ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
  DROP CONSTRAINT credit_entries_action_check,
  ADD CONSTRAINT credit_entries_action_check CHECK (action IN ('hold', 'capture', 'release', 'grant')) NOT VALID,
  ADD CONSTRAINT credit_entries_generation CHECK ((action = 'grant') = (generation_id IS NULL)) NOT VALID;
CREATE UNIQUE INDEX credit_entries_grant ON credit_entries (session_id, kind, number) WHERE action = 'grant';

-- Nobody grants themselves anything: the web role adds holds and settlements only.
DROP POLICY members_add ON credit_entries;
CREATE POLICY members_add ON credit_entries FOR INSERT TO chatserver_web
  WITH CHECK (session_id IN (SELECT my_sessions()) AND action <> 'grant');
