-- What the index has found is looked up by id, whatever the planner expects: it read all generations of a person instead.
CREATE OR REPLACE FUNCTION my_prompts(query text, filters jsonb, older uuid, most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me     CONSTANT uuid := app_user_id();
  terms  CONSTANT tsquery := all_words(me, query);
  wanted CONSTANT text := concat(
    CASE WHEN older IS NOT NULL THEN format(' AND g.id < %L', older) END,
    CASE WHEN filters->>'kind' IS NOT NULL THEN format(' AND g.kind = %L', filters->>'kind') END,
    CASE WHEN filters->>'status' IS NOT NULL THEN format(' AND g.status = %L', filters->>'status') END,
    CASE WHEN filters->>'session_id' IS NOT NULL THEN format(' AND g.session_id = %L', filters->>'session_id') END,
    CASE WHEN filters->>'favorite' IS NOT NULL THEN
      format(' AND %L::boolean = EXISTS (SELECT FROM assets a JOIN favorites f ON f.asset_id = a.id AND f.user_id = $1'
             ' WHERE a.generation_id = g.id)', filters->>'favorite') END);
  newest CONSTANT text := ' ORDER BY g.id DESC LIMIT ';
  found  uuid[];
BEGIN
  EXECUTE 'SELECT array_agg(n.id) FROM (SELECT g.id FROM (SELECT g.id FROM generations g WHERE g.user_id = $1' || wanted
          || newest || '1000) g WHERE (SELECT p.words FROM prompts p WHERE p.generation_id = g.id) @@ $2'
          || newest || most || ') n'
     INTO found USING me, terms;
  IF cardinality(found) = most THEN
    RETURN QUERY SELECT unnest(found);
  ELSE
    RETURN QUERY EXECUTE
      'WITH p AS MATERIALIZED (SELECT generation_id FROM prompts WHERE words @@ $2) SELECT g.id FROM p'
      ' CROSS JOIN LATERAL (SELECT g.id FROM generations g WHERE g.id = p.generation_id AND g.user_id = $1' || wanted
      || ' OFFSET 0) g' || newest || most
      USING me, terms;
  END IF;
END $$;
