-- Counts stop at the last bound: those of a few days read nothing of the years after them.
CREATE OR REPLACE FUNCTION my_picture_counts(filters jsonb, bounds uuid[]) RETURNS TABLE (place integer, number bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me     CONSTANT uuid := app_user_id();
  marked CONSTANT boolean := coalesce((filters->>'favorite')::boolean, false);
BEGIN
  RETURN QUERY EXECUTE
    'SELECT width_bucket(p.asset_id, $2), count(*) FROM ' || picture_source(filters)
    || ' AND p.asset_id >= $2[1] AND p.asset_id < $2[cardinality($2)]' || picture_conditions(filters)
    || CASE WHEN filters->>'words' IS NULL THEN '' ELSE ' AND p.words @@ $3' END || ' GROUP BY 1'
    USING me, bounds, all_words(CASE WHEN NOT marked THEN me END, filters->>'words');
END $$;
