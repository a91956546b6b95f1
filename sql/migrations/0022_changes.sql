-- What a generation does to its source picture: a variation of it, or an edit that follows the prompt as an instruction.
-- `strength` is how much of it a variation may change; NULL leaves it to the model.
ALTER TABLE generations
  ADD COLUMN change   text CHECK (change IN ('variation', 'edit')),
  ADD COLUMN strength double precision CHECK (strength BETWEEN 0 AND 1);
UPDATE generations SET change = 'variation' WHERE source_asset_id IS NOT NULL AND kind = 'image';
ALTER TABLE generations
  ADD CHECK (change IS NULL OR (kind = 'image' AND source_asset_id IS NOT NULL)),
  ADD CHECK (strength IS NULL OR change = 'variation');
