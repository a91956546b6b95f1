-- Reports and what an operator decides on them. A picture or clip that is hidden has the status 'hidden', which no query of
-- people's finds; the words of a hidden message leave its row. Both come back as they were.
ALTER TABLE assets DROP CONSTRAINT assets_status_check;
ALTER TABLE assets ADD CONSTRAINT assets_status_check CHECK (status IN ('staged', 'stored', 'hidden', 'deleted')) NOT VALID;
-- The message with which it was hidden, NULL where it was hidden by itself.
ALTER TABLE assets ADD COLUMN hidden_with uuid;
CREATE INDEX assets_hidden ON assets (hidden_with) WHERE status = 'hidden';
-- Why the operator has hidden it, as people read it in its place.
ALTER TABLE messages ADD COLUMN withheld text CHECK (char_length(withheld) BETWEEN 1 AND 500);
ALTER TABLE generations ADD COLUMN withheld text CHECK (char_length(withheld) BETWEEN 1 AND 500);
-- People see nothing of a hidden file, nor can they hide or show one.
CREATE POLICY not_hidden ON assets AS RESTRICTIVE TO chatserver_web USING (status <> 'hidden') WITH CHECK (status <> 'hidden');

-- The words of hidden messages, and the prompts in them, until they are shown again.
CREATE TABLE withheld_texts (
  message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  text       text NOT NULL,
  html       text NOT NULL
);
CREATE TABLE withheld_prompts (
  generation_id   uuid PRIMARY KEY REFERENCES generations ON DELETE CASCADE,
  prompt          text NOT NULL,
  negative_prompt text
);
-- The places of hidden files in albums and links.
CREATE TABLE hidden_places (
  asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  album_id uuid REFERENCES albums ON DELETE CASCADE,
  share_id uuid REFERENCES shares ON DELETE CASCADE,
  position integer NOT NULL,
  CHECK ((album_id IS NULL) <> (share_id IS NULL))
);
CREATE INDEX hidden_places_asset ON hidden_places (asset_id);
CREATE INDEX hidden_places_album ON hidden_places (album_id) WHERE album_id IS NOT NULL;
CREATE INDEX hidden_places_share ON hidden_places (share_id) WHERE share_id IS NOT NULL;

-- Decisions of operators: on one thing each, with the reason that whoever made it is told. No references: a decision outlives
-- what it is about, and ids of people are taken out with their accounts.
CREATE TABLE moderation_decisions (
  id          uuid PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  action      text NOT NULL CHECK (action IN ('dismissed', 'hidden', 'restored', 'banned')),
  target_kind text NOT NULL CHECK (target_kind IN ('picture', 'message')),
  target_id   uuid NOT NULL,
  session_id  uuid NOT NULL,
  author_id   uuid,
  decided_by  uuid,
  decider     text NOT NULL,
  reason      text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500)
);
CREATE INDEX moderation_decisions_target ON moderation_decisions (target_id, id);
CREATE INDEX moderation_decisions_decider ON moderation_decisions (decided_by) WHERE decided_by IS NOT NULL;
CREATE INDEX moderation_decisions_author ON moderation_decisions (author_id, id) WHERE author_id IS NOT NULL;

CREATE TABLE reports (
  id          uuid PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('sexual', 'violence', 'hate', 'illegal', 'spam', 'other')),
  words       text NOT NULL DEFAULT '' CHECK (char_length(words) <= 1000),
  target_kind text NOT NULL CHECK (target_kind IN ('picture', 'message')),
  target_id   uuid NOT NULL,
  session_id  uuid NOT NULL,
  -- Whose it is: NULL for the assistant's, and when that account is deleted.
  author_id   uuid,
  -- NULL for a visitor of a share link, of whom a keyed hash of the network is kept until the decision.
  reporter_id uuid,
  visitor     text,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  due_at      timestamptz NOT NULL,
  decision_id uuid REFERENCES moderation_decisions
);
CREATE UNIQUE INDEX reports_open_of_person ON reports (reporter_id, target_id)
  WHERE decision_id IS NULL AND reporter_id IS NOT NULL;
CREATE UNIQUE INDEX reports_open_of_visitor ON reports (visitor, target_id) WHERE decision_id IS NULL AND visitor IS NOT NULL;
CREATE INDEX reports_open ON reports (due_at, id) WHERE decision_id IS NULL;
CREATE INDEX reports_open_of_target ON reports (target_id, due_at, id) WHERE decision_id IS NULL;
CREATE INDEX reports_reporter ON reports (reporter_id, id) WHERE reporter_id IS NOT NULL;
CREATE INDEX reports_author ON reports (author_id) WHERE author_id IS NOT NULL;
CREATE INDEX reports_decision ON reports (decision_id) WHERE decision_id IS NOT NULL;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['withheld_texts', 'withheld_prompts', 'hidden_places', 'moderation_decisions', 'reports'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO chatserver_worker', name);
  END LOOP;
END $$;
-- A person reports what they may see, in their own name, and sees their own reports: not what became of them, which they are told.
GRANT SELECT (id, kind, target_kind, target_id, reporter_id, created_at, decision_id), INSERT ON reports TO chatserver_web;
CREATE POLICY own_read ON reports FOR SELECT TO chatserver_web USING (reporter_id = app_user_id());
CREATE POLICY own_add ON reports FOR INSERT TO chatserver_web
  WITH CHECK (reporter_id = app_user_id() AND visitor IS NULL AND decision_id IS NULL
              AND CASE target_kind WHEN 'picture' THEN EXISTS (SELECT FROM assets a WHERE a.id = target_id AND a.status = 'stored')
                  ELSE EXISTS (SELECT FROM messages m WHERE m.id = target_id AND m.status <> 'deleted') END);

-- A hidden file leaves the gallery and keeps its marks; a deleted one loses them too.
CREATE OR REPLACE FUNCTION keep_picture() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.status <> 'stored' THEN
    DELETE FROM pictures WHERE asset_id = NEW.id;
    IF NEW.status <> 'hidden' THEN
      DELETE FROM favorites WHERE asset_id = NEW.id;
    END IF;
    RETURN NULL;
  END IF;
  INSERT INTO pictures (asset_id, user_id, session_id, generation_id, kind, width, height, model, style, seed, words)
  SELECT NEW.id, NEW.user_id, NEW.session_id, NEW.generation_id, NEW.kind, NEW.width, NEW.height,
         coalesce(g.model, ''), coalesce(g.style, ''), g.seed, words_of(NEW.user_id, coalesce(g.prompt, NEW.filename))
    FROM (SELECT) AS one LEFT JOIN generations g ON g.id = NEW.generation_id
      ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

-- The lists of albums and links hold what is shown, so that they are counted by themselves (migration 0029).
CREATE FUNCTION keep_places() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.status = 'hidden' THEN
    INSERT INTO hidden_places (asset_id, album_id, position)
    SELECT asset_id, album_id, position FROM album_assets WHERE asset_id = NEW.id;
    INSERT INTO hidden_places (asset_id, share_id, position)
    SELECT asset_id, share_id, position FROM share_assets WHERE asset_id = NEW.id;
    DELETE FROM album_assets WHERE asset_id = NEW.id;
    DELETE FROM share_assets WHERE asset_id = NEW.id;
  ELSIF NEW.status = 'stored' THEN
    INSERT INTO album_assets (album_id, asset_id, position)
    SELECT album_id, asset_id, position FROM hidden_places WHERE asset_id = NEW.id AND album_id IS NOT NULL
        ON CONFLICT DO NOTHING;
    INSERT INTO share_assets (share_id, asset_id, position)
    SELECT share_id, asset_id, position FROM hidden_places WHERE asset_id = NEW.id AND share_id IS NOT NULL
        ON CONFLICT DO NOTHING;
  END IF;
  IF NEW.status <> 'hidden' THEN
    DELETE FROM hidden_places WHERE asset_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
-- What is deleted while it is hidden keeps no words either.
CREATE FUNCTION forget_withheld() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM withheld_texts WHERE message_id = NEW.id;
  RETURN NULL;
END $$;
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION keep_places() OWNER TO chatserver_worker;
ALTER FUNCTION forget_withheld() OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
CREATE TRIGGER assets_places AFTER UPDATE OF status ON assets FOR EACH ROW
  WHEN (NEW.status = 'hidden' OR OLD.status = 'hidden') EXECUTE FUNCTION keep_places();
CREATE TRIGGER messages_withheld AFTER UPDATE OF status ON messages FOR EACH ROW
  WHEN (NEW.status = 'deleted' AND OLD.status <> 'deleted') EXECUTE FUNCTION forget_withheld();
