-- A new version of a generation is found again by its author's client_id: a command whose answer was lost is sent once more, and
-- made a second version for a second credit.
CREATE OR REPLACE FUNCTION add_generations(wanted jsonb) RETURNS SETOF generations LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  INSERT INTO generations (id, message_id, session_id, user_id, parent_id, client_id, request_hash, kind, number, prompt,
                           negative_prompt, style, seed, width, height, steps, guidance, source_asset_id, change, strength,
                           enlargement, style_before, style_after, style_without, provider, model)
  SELECT id, message_id, session_id, user_id, parent_id, client_id, request_hash, kind, number, prompt,
         negative_prompt, style, seed, width, height, steps, guidance, source_asset_id, change, strength,
         enlargement, style_before, style_after, style_without, provider, model
    FROM jsonb_populate_recordset(NULL::generations, wanted)
  RETURNING *;
END $$;
