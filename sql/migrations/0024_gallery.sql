-- Favourites belong to a person. The flag of before, which was shared by a session, goes to who had the picture made;
-- its column stays for servers of the version before, and is read no more.
CREATE TABLE favorites (
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  asset_id   uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
  session_id uuid NOT NULL,
  generation_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, asset_id)
);
CREATE INDEX favorites_asset ON favorites (asset_id);
CREATE INDEX favorites_of_session ON favorites (session_id, user_id, asset_id DESC);
CREATE INDEX favorites_of_generations ON favorites (user_id, generation_id DESC);
INSERT INTO favorites (user_id, asset_id, session_id, generation_id)
SELECT user_id, id, session_id, generation_id FROM assets WHERE favorite AND status = 'stored';
DROP INDEX assets_favorites, assets_favorites_of_session;

-- The words of prompts, as searches find them: signs of ASCII separate words, and each sign of Chinese, Japanese and Korean
-- is a word, as these write none. Beside them stands whose they are, so that one person's search reads none of the others.
CREATE FUNCTION separated_words(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(regexp_replace(text, '[!-/:-@[-`{-~]', ' ', 'g'),
                      '([\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3])', ' \1 ', 'g');
CREATE FUNCTION words_of(owner uuid, text text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple', separated_words(text)) || array_to_tsvector(ARRAY['owner:' || owner]);
-- All of the words, each as the beginning of one, among those of one owner, or, without one, anybody's. NULL: no words.
CREATE FUNCTION all_words(owner uuid, text text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN owner IS NULL THEN terms ELSE terms && quote_literal('owner:' || owner)::tsquery END
          FROM (SELECT nullif(to_tsquery('simple', string_agg(word || ':*', ' & ')), ''::tsquery) AS terms
                  FROM (SELECT word FROM regexp_split_to_table(separated_words(text), '\s+') AS word WHERE word <> '' LIMIT 16) AS split) AS parsed);

-- One row for each prompt: generations themselves change too often while they run to be in such an index.
CREATE TABLE prompts (
  generation_id uuid PRIMARY KEY REFERENCES generations ON DELETE CASCADE,
  words         tsvector NOT NULL
);
INSERT INTO prompts (generation_id, words) SELECT id, words_of(user_id, prompt) FROM generations;
CREATE INDEX prompts_words ON prompts USING gin (words);

-- One narrow row for each stored picture and clip: what the gallery finds it by. Kept by a trigger, whoever stores or deletes.
CREATE TABLE pictures (
  asset_id      uuid PRIMARY KEY REFERENCES assets ON DELETE CASCADE,
  user_id       uuid NOT NULL,
  session_id    uuid NOT NULL,
  generation_id uuid,
  kind          text NOT NULL,
  width         integer NOT NULL,
  height        integer NOT NULL,
  model         text NOT NULL,
  style         text NOT NULL,
  seed          bigint,
  words         tsvector NOT NULL
);

CREATE FUNCTION keep_prompt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO prompts (generation_id, words) VALUES (NEW.id, words_of(NEW.user_id, NEW.prompt));
  RETURN NULL;
END $$;
CREATE TRIGGER generations_prompt AFTER INSERT ON generations FOR EACH ROW EXECUTE FUNCTION keep_prompt();

CREATE FUNCTION keep_picture() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.status <> 'stored' THEN
    DELETE FROM pictures WHERE asset_id = NEW.id;
    DELETE FROM favorites WHERE asset_id = NEW.id;
    RETURN NULL;
  END IF;
  INSERT INTO pictures (asset_id, user_id, session_id, generation_id, kind, width, height, model, style, seed, words)
  SELECT NEW.id, NEW.user_id, NEW.session_id, NEW.generation_id, NEW.kind, NEW.width, NEW.height,
         coalesce(g.model, ''), coalesce(g.style, ''), g.seed, words_of(NEW.user_id, coalesce(g.prompt, NEW.filename))
    FROM (SELECT) AS one LEFT JOIN generations g ON g.id = NEW.generation_id
      ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER assets_picture AFTER INSERT OR UPDATE OF status ON assets FOR EACH ROW EXECUTE FUNCTION keep_picture();

INSERT INTO pictures (asset_id, user_id, session_id, generation_id, kind, width, height, model, style, seed, words)
SELECT a.id, a.user_id, a.session_id, a.generation_id, a.kind, a.width, a.height, coalesce(g.model, ''),
       coalesce(g.style, ''), g.seed, words_of(a.user_id, coalesce(g.prompt, a.filename))
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id WHERE a.status = 'stored';
-- Everything that a filter looks at stands in it: no picture itself is read to be passed over.
CREATE INDEX pictures_of_user ON pictures (user_id, asset_id DESC)
  INCLUDE (kind, width, height, model, style, seed, session_id, generation_id);
CREATE INDEX pictures_words ON pictures USING gin (words);

GRANT SELECT, INSERT, UPDATE, DELETE ON favorites, prompts, pictures TO chatserver_worker;
GRANT SELECT, INSERT, DELETE ON favorites TO chatserver_web;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['favorites', 'prompts', 'pictures'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;
-- What one may see, one may mark for oneself.
CREATE POLICY own ON favorites TO chatserver_web USING (user_id = app_user_id())
  WITH CHECK (user_id = app_user_id() AND EXISTS (SELECT FROM assets a WHERE a.id = asset_id AND a.status = 'stored'));

-- Searches. The operators of words cannot use an index under row-level security, so these functions belong to the worker's
-- role and take the user from the transaction themselves: no caller can ask for another's.

-- The conditions on `pictures p` that a gallery's filters ask for, as SQL; every value is quoted.
CREATE FUNCTION picture_conditions(filters jsonb) RETURNS text LANGUAGE sql STABLE
RETURN concat(
  CASE WHEN filters->>'kind' IS NOT NULL THEN format(' AND p.kind = %L', filters->>'kind') END,
  CASE WHEN filters->>'model' IS NOT NULL THEN format(' AND p.model = %L', filters->>'model') END,
  CASE WHEN filters->>'style' IS NOT NULL THEN format(' AND p.style = %L', filters->>'style') END,
  CASE WHEN filters->>'seed' IS NOT NULL THEN format(' AND p.seed = %L', filters->>'seed') END,
  CASE WHEN filters->>'session_id' IS NOT NULL THEN format(' AND p.session_id = %L', filters->>'session_id') END,
  CASE filters->>'shape' WHEN 'square' THEN ' AND p.width = p.height' WHEN 'landscape' THEN ' AND p.width > p.height'
                         WHEN 'portrait' THEN ' AND p.width < p.height' END,
  CASE WHEN filters->>'side' IS NOT NULL THEN format(' AND greatest(p.width, p.height) = %L', filters->>'side') END,
  CASE WHEN (filters->>'uploads')::boolean THEN ' AND p.generation_id IS NULL' END,
  CASE WHEN filters->>'from' IS NOT NULL THEN format(' AND p.asset_id >= %L', filters->>'from') END,
  CASE WHEN filters->>'to' IS NOT NULL THEN format(' AND p.asset_id < %L', filters->>'to') END
);

-- Where to look, for the user $1: among one's own pictures, or among one's favourites, also those that others made.
CREATE FUNCTION picture_source(filters jsonb) RETURNS text LANGUAGE sql STABLE
RETURN CASE WHEN (filters->>'favorite')::boolean
  THEN 'favorites f JOIN pictures p USING (asset_id) WHERE f.user_id = $1'
       ' AND (p.user_id = $1 OR p.session_id IN (SELECT my_sessions()))'
  ELSE 'pictures p WHERE p.user_id = $1' END;

-- The ids of the pictures that fit: at most `most`, those before `older` from the newest on, those after `newer` from the
-- oldest on. Words are looked for among the next thousand first, where common ones are, and then in their index.
CREATE FUNCTION my_pictures(filters jsonb, older uuid, newer uuid, most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me      CONSTANT uuid := app_user_id();
  marked  CONSTANT boolean := coalesce((filters->>'favorite')::boolean, false);
  terms   CONSTANT tsquery := all_words(CASE WHEN NOT marked THEN me END, filters->>'words');
  source  CONSTANT text := picture_source(filters)
                   || CASE WHEN newer IS NULL THEN ' AND ($2 IS NULL OR p.asset_id < $2)' ELSE ' AND p.asset_id > $2' END;
  ordered CONSTANT text := format(' ORDER BY p.asset_id %s LIMIT ', CASE WHEN newer IS NULL THEN 'DESC' ELSE 'ASC' END);
  wanted  CONSTANT text := picture_conditions(filters);
  spoken  CONSTANT text := CASE WHEN filters->>'words' IS NULL THEN '' ELSE ' AND p.words @@ $3' END;
  found   uuid[];
BEGIN
  IF marked OR spoken = '' THEN
    RETURN QUERY EXECUTE 'SELECT p.asset_id FROM ' || source || spoken || wanted || ordered || most
      USING me, coalesce(newer, older), terms;
    RETURN;
  END IF;
  EXECUTE 'SELECT array_agg(p.asset_id) FROM (SELECT p.asset_id FROM (SELECT p.* FROM ' || source || ordered || '1000) p'
          ' WHERE true' || spoken || wanted || ordered || most || ') p'
     INTO found USING me, coalesce(newer, older), terms;
  IF cardinality(found) = most THEN
    RETURN QUERY SELECT unnest(found);
  ELSE
    RETURN QUERY EXECUTE 'WITH pictures AS MATERIALIZED (SELECT * FROM pictures p WHERE p.words @@ $3)'
                         ' SELECT p.asset_id FROM ' || source || wanted || ordered || most
      USING me, coalesce(newer, older), terms;
  END IF;
END $$;

-- How many of them there are between each of these ids and the next: for months and days.
CREATE FUNCTION my_picture_counts(filters jsonb, bounds uuid[]) RETURNS TABLE (place integer, number bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me     CONSTANT uuid := app_user_id();
  marked CONSTANT boolean := coalesce((filters->>'favorite')::boolean, false);
BEGIN
  RETURN QUERY EXECUTE
    'SELECT width_bucket(p.asset_id, $2), count(*) FROM ' || picture_source(filters) || ' AND p.asset_id >= $2[1]'
    || picture_conditions(filters) || CASE WHEN filters->>'words' IS NULL THEN '' ELSE ' AND p.words @@ $3' END || ' GROUP BY 1'
    USING me, bounds, all_words(CASE WHEN NOT marked THEN me END, filters->>'words');
END $$;

-- What there is to choose from among one's own pictures: each model, style, longer side and session, with how many there are.
CREATE FUNCTION my_picture_choices()
RETURNS TABLE (model text, style text, side integer, session_id uuid, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT p.model, p.style, greatest(p.width, p.height), p.session_id, count(*)
    FROM pictures p WHERE p.user_id = app_user_id() GROUP BY 1, 2, 3, 4;
END;

-- The ids of one's own generations whose prompt has all of the words: at most `most`, from the newest on, before `older`.
CREATE FUNCTION my_prompts(query text, filters jsonb, older uuid, most integer) RETURNS SETOF uuid
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
  EXECUTE 'SELECT array_agg(n.id) FROM (SELECT g.id FROM (SELECT g.* FROM generations g WHERE g.user_id = $1' || wanted
          || newest || '1000) g JOIN prompts p ON p.generation_id = g.id WHERE p.words @@ $2' || newest || most || ') n'
     INTO found USING me, terms;
  IF cardinality(found) = most THEN
    RETURN QUERY SELECT unnest(found);
  ELSE
    RETURN QUERY EXECUTE
      'WITH p AS MATERIALIZED (SELECT generation_id FROM prompts WHERE words @@ $2) SELECT g.id FROM p'
      ' JOIN generations g ON g.id = p.generation_id WHERE g.user_id = $1' || wanted || newest || most
      USING me, terms;
  END IF;
END $$;

GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION keep_prompt() OWNER TO chatserver_worker;
ALTER FUNCTION keep_picture() OWNER TO chatserver_worker;
ALTER FUNCTION my_pictures(jsonb, uuid, uuid, integer) OWNER TO chatserver_worker;
ALTER FUNCTION my_picture_counts(jsonb, uuid[]) OWNER TO chatserver_worker;
ALTER FUNCTION my_picture_choices() OWNER TO chatserver_worker;
ALTER FUNCTION my_prompts(text, jsonb, uuid, integer) OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
