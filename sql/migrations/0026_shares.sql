-- Share links: what their maker shows to whoever has the link, without an account. Only the SHA-256 of a link's secret is kept;
-- the secret is derived from SECRET_KEY and the id, so that its maker may copy the link again (docs/sharing.md).
CREATE TABLE shares (
  id            uuid PRIMARY KEY,
  user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind          text NOT NULL CHECK (kind IN ('picture', 'selection', 'album', 'session')),
  title         text NOT NULL DEFAULT '' CHECK (char_length(title) <= 120),
  token_hash    bytea NOT NULL UNIQUE,
  -- What it follows; without either it shows the files of share_assets.
  album_id      uuid REFERENCES albums ON DELETE CASCADE,
  session_id    uuid REFERENCES user_sessions ON DELETE CASCADE,
  downloads     boolean NOT NULL,
  prompts       boolean NOT NULL,
  preview       boolean NOT NULL,
  password_hash text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz,
  last_used_at  timestamptz,
  revoked_at    timestamptz,
  CHECK (album_id IS NULL OR session_id IS NULL)
);
CREATE INDEX shares_user ON shares (user_id, id DESC);
CREATE INDEX shares_album ON shares (album_id) WHERE album_id IS NOT NULL;
CREATE INDEX shares_session ON shares (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX shares_expiry ON shares (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX shares_revoked ON shares (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE share_assets (
  share_id uuid NOT NULL REFERENCES shares ON DELETE CASCADE,
  asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  position integer NOT NULL,
  PRIMARY KEY (share_id, asset_id)
);
CREATE INDEX share_assets_asset ON share_assets (asset_id);
-- One person's files of one session, for a link that follows it.
CREATE INDEX assets_of_maker_in_session ON assets (session_id, user_id, id) WHERE status = 'stored';

-- What each link shows: its own list, the album or the session that it follows. Only files that its maker has made.
CREATE VIEW share_pictures WITH (security_invoker = true) AS
  SELECT m.share_id, m.asset_id, m.position FROM share_assets m
  UNION ALL
  SELECT s.id, m.asset_id, m.position FROM shares s JOIN album_assets m ON m.album_id = s.album_id
  UNION ALL
  SELECT s.id, a.id, 0 FROM shares s JOIN assets a ON a.session_id = s.session_id AND a.user_id = s.user_id
   WHERE a.status = 'stored';

GRANT SELECT, INSERT, UPDATE, DELETE ON shares, share_assets TO chatserver_worker;
GRANT SELECT, INSERT, UPDATE (title, downloads, prompts, preview, password_hash, expires_at, revoked_at) ON shares
  TO chatserver_web;
GRANT SELECT, INSERT ON share_assets TO chatserver_web;
GRANT SELECT ON share_pictures TO chatserver_web, chatserver_worker;
ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE shares FORCE ROW LEVEL SECURITY;
ALTER TABLE share_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE share_assets FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON shares TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON share_assets TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own_read ON shares FOR SELECT TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY own_change ON shares FOR UPDATE TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY own_add ON shares FOR INSERT TO chatserver_web
  WITH CHECK (user_id = app_user_id()
              AND (album_id IS NULL OR album_id IN (SELECT b.id FROM albums b WHERE b.user_id = app_user_id()))
              AND (session_id IS NULL OR session_id IN (SELECT my_sessions())));
CREATE POLICY own ON share_assets TO chatserver_web
  USING (share_id IN (SELECT s.id FROM shares s WHERE s.user_id = app_user_id()))
  WITH CHECK (share_id IN (SELECT s.id FROM shares s WHERE s.user_id = app_user_id())
              AND EXISTS (SELECT FROM assets a WHERE a.id = asset_id AND a.user_id = app_user_id()));
