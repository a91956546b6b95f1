-- Whose e-mail address is verified (SMTP_URL): a link that was sent to it has been opened and confirmed.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;
-- Accounts from before there was this may have all that depends on it; only new ones have to verify their address.
ALTER TABLE users ADD COLUMN email_is_exempt boolean NOT NULL DEFAULT true;
ALTER TABLE users ALTER COLUMN email_is_exempt SET DEFAULT false;

-- The links, each for the address that the account has at the time: for another one it is good no more.
CREATE TABLE email_verifications (
  user_id    uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE,
  email      text NOT NULL,
  expires_at timestamptz NOT NULL
);
ALTER TABLE email_verifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE email_verifications FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON email_verifications TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON email_verifications TO chatserver_worker;

ALTER TABLE mail_queue DROP CONSTRAINT mail_queue_kind_check;
ALTER TABLE mail_queue ADD CONSTRAINT mail_queue_kind_check CHECK (kind IN ('reset', 'alarm', 'verification'));
