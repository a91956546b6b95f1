-- A part of a picture is changed: its mask, a PNG of black and white, is kept beside the generation, whose row is read with every
-- page. It goes with it.
ALTER TABLE generations
  ADD COLUMN masked boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT generations_masks_mark_sources CHECK (NOT masked OR change IS NOT NULL) NOT VALID;
CREATE TABLE generation_masks (
  generation_id uuid PRIMARY KEY REFERENCES generations ON DELETE CASCADE,
  mask          bytea NOT NULL CHECK (octet_length(mask) BETWEEN 1 AND 160 * 1024)
);
-- Compressed already.
ALTER TABLE generation_masks ALTER COLUMN mask SET STORAGE EXTERNAL;
ALTER TABLE generation_masks ENABLE ROW LEVEL SECURITY;
ALTER TABLE generation_masks FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON generation_masks TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON generation_masks TO chatserver_worker;
-- Whoever sees the generation sees its mask, unless the operator has hidden it; a mask is added to one's own.
GRANT SELECT, INSERT ON generation_masks TO chatserver_web;
CREATE POLICY members_read ON generation_masks FOR SELECT TO chatserver_web
  USING (EXISTS (SELECT FROM generations g WHERE g.id = generation_id AND g.withheld IS NULL));
CREATE POLICY members_add ON generation_masks FOR INSERT TO chatserver_web
  WITH CHECK (EXISTS (SELECT FROM generations g
                       WHERE g.id = generation_id AND g.masked AND g.user_id = app_user_id()
                         AND g.status = 'queued'));

CREATE OR REPLACE FUNCTION add_generations(wanted jsonb) RETURNS SETOF generations LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  INSERT INTO generations (id, message_id, session_id, user_id, parent_id, client_id, request_hash, kind, number, prompt,
                           negative_prompt, style, seed, width, height, steps, guidance, source_asset_id, change, strength,
                           masked, enlargement, style_before, style_after, style_without, provider, model)
  SELECT id, message_id, session_id, user_id, parent_id, client_id, request_hash, kind, number, prompt,
         negative_prompt, style, seed, width, height, steps, guidance, source_asset_id, change, strength,
         coalesce(masked, false), enlargement, style_before, style_after, style_without, provider, model
    FROM jsonb_populate_recordset(NULL::generations, wanted)
  RETURNING *;
END $$;
