-- The gallery's filters, with albums: one's own.
CREATE OR REPLACE FUNCTION picture_conditions(filters jsonb) RETURNS text LANGUAGE sql STABLE
RETURN concat(
  CASE WHEN filters->>'kind' IS NOT NULL THEN format(' AND p.kind = %L', filters->>'kind') END,
  CASE WHEN filters->>'model' IS NOT NULL THEN format(' AND p.model = %L', filters->>'model') END,
  CASE WHEN filters->>'style' IS NOT NULL THEN format(' AND p.style = %L', filters->>'style') END,
  CASE WHEN filters->>'seed' IS NOT NULL THEN format(' AND p.seed = %L', filters->>'seed') END,
  CASE WHEN filters->>'session_id' IS NOT NULL THEN format(' AND p.session_id = %L', filters->>'session_id') END,
  CASE WHEN filters->>'album_id' IS NOT NULL
       THEN format(' AND EXISTS (SELECT FROM album_assets x JOIN albums b ON b.id = x.album_id'
                   ' WHERE x.album_id = %L AND b.user_id = $1 AND x.asset_id = p.asset_id)', filters->>'album_id') END,
  CASE filters->>'shape' WHEN 'square' THEN ' AND p.width = p.height' WHEN 'landscape' THEN ' AND p.width > p.height'
                         WHEN 'portrait' THEN ' AND p.width < p.height' END,
  CASE WHEN filters->>'side' IS NOT NULL THEN format(' AND greatest(p.width, p.height) = %L', filters->>'side') END,
  CASE WHEN (filters->>'uploads')::boolean THEN ' AND p.generation_id IS NULL' END,
  CASE WHEN filters->>'from' IS NOT NULL THEN format(' AND p.asset_id >= %L', filters->>'from') END,
  CASE WHEN filters->>'to' IS NOT NULL THEN format(' AND p.asset_id < %L', filters->>'to') END
);
