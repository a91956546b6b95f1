-- How a larger version of a picture comes about: drawn again from the same seed, or enlarged from the finished picture.
ALTER TABLE generations ADD COLUMN enlargement text CHECK (enlargement IN ('redrawn', 'enlarged'));

-- What is asked of the provider.
CREATE FUNCTION generation_task(kind text, change text, enlargement text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN enlargement = 'redrawn' THEN 'redraw' ELSE coalesce(change, kind) END;
