-- Pictures that people bring, as sources of others: files of a session without a generation. `client_id` and `request_hash`
-- (of the bytes as they were sent) make a repeated upload harmless.
ALTER TABLE assets
  ADD COLUMN origin text NOT NULL DEFAULT 'generation' CHECK (origin IN ('generation', 'upload')),
  ADD COLUMN client_id text CHECK (char_length(client_id) BETWEEN 1 AND 64),
  ADD COLUMN request_hash bytea,
  ADD CONSTRAINT assets_uploads_are_pictures
    CHECK (origin = 'generation' OR (generation_id IS NULL AND kind = 'image' AND duration_seconds IS NULL));
CREATE UNIQUE INDEX assets_client ON assets (session_id, user_id, client_id)
  WHERE client_id IS NOT NULL AND status <> 'deleted';
-- The uploads of a person, the newest first; those of one session are counted.
CREATE INDEX assets_uploads ON assets (user_id, id DESC) WHERE origin = 'upload' AND status = 'stored';
CREATE INDEX assets_uploads_of_session ON assets (session_id, user_id) WHERE origin = 'upload' AND status <> 'deleted';
-- What was made of a picture.
CREATE INDEX generations_source ON generations (source_asset_id, id DESC) WHERE source_asset_id IS NOT NULL;

-- A person adds uploads of their own to their sessions, below their own folder of the store, and nothing else.
GRANT INSERT ON assets TO chatserver_web;
CREATE POLICY members_upload ON assets FOR INSERT TO chatserver_web
  WITH CHECK (origin = 'upload' AND status = 'staged' AND generation_id IS NULL AND user_id = app_user_id()
              AND session_id IN (SELECT my_sessions())
              AND starts_with(storage_key, app_user_id()::text || '/')
              AND starts_with(thumbnail_key, app_user_id()::text || '/'));

-- How many uploads one person may keep in a session.
ALTER TABLE session_config ADD COLUMN max_uploads integer NOT NULL DEFAULT 20 CHECK (max_uploads BETWEEN 0 AND 1000);
UPDATE session_config SET max_uploads = 10 WHERE id = 'flash-lite';
UPDATE session_config SET max_uploads = 50 WHERE id = 'pro';
