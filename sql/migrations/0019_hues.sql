-- The hue that most of a picture's colour has (OKLCH, degrees); none for grey ones and for those made before.
ALTER TABLE assets ADD COLUMN hue smallint CHECK (hue BETWEEN 0 AND 359);
-- A session's newest picture, in whose hue its page is drawn.
CREATE INDEX assets_session ON assets (session_id, id DESC) WHERE status = 'stored';
