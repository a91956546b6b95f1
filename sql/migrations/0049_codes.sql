-- Codes, each good for one session (docs/payments.md), and who has had a trial session.
CREATE TABLE codes (
  id           uuid PRIMARY KEY,
  -- SHA-256: what is printed once can be read nowhere afterwards.
  code_hash    bytea NOT NULL UNIQUE,
  -- Those that were made together.
  batch_id     uuid NOT NULL,
  plan_id      text NOT NULL REFERENCES session_config,
  -- What was sold; a plan that changes later changes nothing of it.
  minutes      integer NOT NULL CHECK (minutes > 0),
  image_credits_per_hour integer NOT NULL,
  video_credits_per_hour integer NOT NULL,
  amount       numeric(12, 2) NOT NULL CHECK (amount >= 0),
  currency     text NOT NULL,
  note         text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
  -- An account's name, or "command line"; like the audit log it outlives the account.
  made_by      text NOT NULL,
  made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz NOT NULL,
  revoked_at   timestamptz,
  redeemed_at  timestamptz,
  redeemed_by  uuid REFERENCES users ON DELETE SET NULL,
  session_id   uuid REFERENCES user_sessions ON DELETE SET NULL,
  CHECK (revoked_at IS NULL OR redeemed_at IS NULL)
);
CREATE INDEX codes_batch ON codes (batch_id, id);
CREATE INDEX codes_redeemed_by ON codes (redeemed_by, id) WHERE redeemed_by IS NOT NULL;
CREATE INDEX codes_session ON codes (session_id) WHERE session_id IS NOT NULL;

-- Who has had a trial session, by a keyed hash of the e-mail address: it outlives the account, so that a new one of the same address
-- brings no second trial, and says nothing to who does not have the key and the address.
CREATE TABLE trials (
  address_hash text PRIMARY KEY,
  user_id      uuid UNIQUE REFERENCES users ON DELETE SET NULL,
  at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['codes', 'trials'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON codes TO chatserver_worker;
GRANT UPDATE (revoked_at, redeemed_at, redeemed_by, session_id) ON codes TO chatserver_worker;
GRANT SELECT, INSERT ON trials TO chatserver_worker;
