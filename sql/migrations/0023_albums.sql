-- Albums: pictures and clips that a person has made, under a name and in an order of their own. An album holds its owner's
-- files only: those of others end with a membership, and are not its owner's to show.
CREATE TABLE albums (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
  description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 2000),
  cover_id    uuid REFERENCES assets ON DELETE SET NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX albums_user ON albums (user_id, id DESC);
CREATE INDEX albums_cover ON albums (cover_id) WHERE cover_id IS NOT NULL;

CREATE TABLE album_assets (
  album_id uuid NOT NULL REFERENCES albums ON DELETE CASCADE,
  asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  position integer NOT NULL,
  PRIMARY KEY (album_id, asset_id)
);
CREATE INDEX album_assets_order ON album_assets (album_id, position, asset_id);
CREATE INDEX album_assets_asset ON album_assets (asset_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON albums, album_assets TO chatserver_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (name, description, cover_id) ON albums TO chatserver_web;
GRANT SELECT, INSERT, DELETE, UPDATE (position) ON album_assets TO chatserver_web;
ALTER TABLE albums ENABLE ROW LEVEL SECURITY;
ALTER TABLE albums FORCE ROW LEVEL SECURITY;
ALTER TABLE album_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE album_assets FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON albums TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON album_assets TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON albums TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY own ON album_assets TO chatserver_web
  USING (album_id IN (SELECT b.id FROM albums b WHERE b.user_id = app_user_id()))
  WITH CHECK (album_id IN (SELECT b.id FROM albums b WHERE b.user_id = app_user_id())
              AND EXISTS (SELECT FROM assets a WHERE a.id = asset_id AND a.user_id = app_user_id()));
