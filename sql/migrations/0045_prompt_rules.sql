-- Which prompts the operator refuses. A rule is off until it has been tried against what was asked for before.
CREATE TABLE prompt_rules (
  id             uuid PRIMARY KEY,
  terms          text[] NOT NULL CHECK (cardinality(terms) BETWEEN 1 AND 50),
  -- The plans whose sessions it applies to; empty: all.
  plans          text[] NOT NULL DEFAULT '{}',
  message        text NOT NULL CHECK (length(message) BETWEEN 1 AND 300),
  enabled        boolean NOT NULL DEFAULT false,
  created_by     uuid REFERENCES users ON DELETE SET NULL,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- What the last trial against the history found, and how far back it looked; of the terms and plans as they are now.
  tried_at       timestamptz,
  tried_since    timestamptz,
  tried_all      boolean,
  tried_prompts  integer,
  tried_refused  integer,
  CHECK (NOT enabled OR tried_at IS NOT NULL)
);
CREATE INDEX prompt_rules_created_by ON prompt_rules (created_by) WHERE created_by IS NOT NULL;

-- One row, with another version after each change of a rule: by it a process sees whether it knows the rules already.
CREATE TABLE prompt_rules_version (
  version uuid NOT NULL,
  single  boolean PRIMARY KEY DEFAULT true CHECK (single)
);
INSERT INTO prompt_rules_version (version) VALUES (gen_random_uuid());

CREATE FUNCTION renew_prompt_rules_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE prompt_rules_version SET version = gen_random_uuid();
  RETURN NULL;
END $$;
CREATE TRIGGER prompt_rules_changed AFTER INSERT OR UPDATE OR DELETE ON prompt_rules
  FOR EACH STATEMENT EXECUTE FUNCTION renew_prompt_rules_version();

ALTER TABLE prompt_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE prompt_rules FORCE ROW LEVEL SECURITY;
ALTER TABLE prompt_rules_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE prompt_rules_version FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON prompt_rules TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON prompt_rules_version TO chatserver_worker USING (true) WITH CHECK (true);
-- Who asks for a picture runs as the web role, and is held to the rules that are on.
CREATE POLICY enforced ON prompt_rules FOR SELECT TO chatserver_web USING (enabled);
CREATE POLICY everyone ON prompt_rules_version FOR SELECT TO chatserver_web USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON prompt_rules TO chatserver_worker;
GRANT SELECT (id, terms, plans, message, enabled) ON prompt_rules TO chatserver_web;
GRANT SELECT, UPDATE ON prompt_rules_version TO chatserver_worker;
GRANT SELECT ON prompt_rules_version TO chatserver_web;
