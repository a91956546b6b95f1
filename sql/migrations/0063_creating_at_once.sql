-- An accepted generation in one statement, as a message is said in one (0055): each round trip costs both sides as much as the
-- statement that it carries. What the verb `create` does step by step is shared with it, and written here once.

-- By session and kind: credits owned, free, and held by unfinished generations, and when the next is available. Generations
-- are looked up one by one by key: a join scanned the whole table, which grows.
CREATE VIEW credit_balances WITH (security_invoker = true) AS
SELECT c.session_id, c.kind,
       count(*) AS owned,
       count(*) FILTER (WHERE c.available_at <= clock_timestamp()) AS free,
       count(*) FILTER (WHERE c.available_at > clock_timestamp()
                          AND (SELECT g.status FROM generations g WHERE g.id = c.generation_id)
                              IN ('queued', 'model-loading', 'rendering')) AS held,
       min(c.available_at) FILTER (WHERE c.available_at > clock_timestamp()) AS next_at
  FROM credits c
 WHERE c.available_at < 'infinity'
 GROUP BY c.session_id, c.kind;
GRANT SELECT ON credit_balances TO chatserver_web, chatserver_worker;

-- Holds one free credit for each generation and writes it to the ledger; fewer ids than were given means that there were not
-- enough. The caller holds the lock of the credits.
CREATE FUNCTION hold_credits(held_in uuid, held_kind text, generation_ids uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH wanted AS (
    SELECT id, ordinality FROM unnest(generation_ids) WITH ORDINALITY AS w(id, ordinality)
  ), free AS (
    SELECT number, row_number() OVER (ORDER BY available_at, number) AS ordinality
      FROM credits
     WHERE session_id = held_in AND kind = held_kind AND available_at <= clock_timestamp()
  ), held AS (
    UPDATE credits c
       SET generation_id = wanted.id, available_at = clock_timestamp() + interval '1 hour'
      FROM free JOIN wanted USING (ordinality)
     WHERE c.session_id = held_in AND c.kind = held_kind AND c.number = free.number
    RETURNING c.session_id, c.kind, c.number, c.generation_id
  )
  INSERT INTO credit_entries (session_id, kind, number, generation_id, action)
  SELECT session_id, kind, number, generation_id, 'hold' FROM held
  RETURNING generation_id;
END $$;

-- New generations, queued, from objects with the columns' names.
CREATE FUNCTION add_generations(wanted jsonb) RETURNS SETOF generations LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  INSERT INTO generations (id, message_id, session_id, user_id, parent_id, kind, number, prompt, negative_prompt, style,
                           seed, width, height, steps, guidance, source_asset_id, change, strength,
                           enlargement, style_before, style_after, style_without, provider, model)
  SELECT id, message_id, session_id, user_id, parent_id, kind, number, prompt, negative_prompt, style,
         seed, width, height, steps, guidance, source_asset_id, change, strength,
         enlargement, style_before, style_after, style_without, provider, model
    FROM jsonb_populate_recordset(NULL::generations, wanted)
  RETURNING *;
END $$;

-- A message with its waiting generations, each with a credit held, for `made_by` as under row-level security: a transaction of
-- its own, in one statement. `wanted`: the generations as of `add_generations`, without message, session, user and the words
-- of their style, which are added here. It returns the generations, each with the message and the session's balances after all
-- that, as JSON. No row, or the error CS001, and nothing stored, wherever anything is out of the ordinary: no membership, no
-- right, no time, a repetition, a limit, what the plan does not give, other rules of prompts than those of `known_rules`, too
-- few credits, a session without a title. Then the verb `create` says why, or does it. The credits are locked first, then the
-- session's row, as everywhere.
CREATE FUNCTION create_at_once(
  made_by uuid, made_in uuid, new_id uuid, sent_as text, hash bytea, of_kind text, words text, wanted jsonb,
  known_rules uuid, most integer, seconds float8, most_waiting integer)
RETURNS TABLE (made generations, message text, balances text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  own    record;
  said   messages%ROWTYPE;
  one    jsonb := wanted -> 0;
  total  integer := jsonb_array_length(wanted);
  shared jsonb;
  added  generations[];
  held   integer;
  queued bigint;
  rules  uuid;
BEGIN
  PERFORM set_config('app.user_id', made_by::text, true);
  SELECT user_name, account_role, hue, role, untitled, guests_may_generate, user_status, active, owner_active, max_size,
         max_count INTO own
    FROM my_memberships WHERE session_id = made_in;
  IF NOT FOUND OR own.user_status <> 'active' OR NOT own.active OR NOT own.owner_active
     OR NOT (own.role = 'owner' OR own.guests_may_generate) OR (own.untitled AND own.role = 'owner')
     OR total > own.max_count OR greatest((one ->> 'width')::integer, (one ->> 'height')::integer) > own.max_size THEN
    RETURN;
  END IF;
  PERFORM number FROM credits WHERE session_id = made_in AND kind = of_kind ORDER BY number FOR UPDATE;
  UPDATE user_sessions
     SET seq = seq + 1, messages_count = messages_count + 1, newest_message_id = id_after(new_id, newest_message_id)
   WHERE id = made_in RETURNING newest_message_id, seq INTO said.id, said.seq;
  -- The row may have been locked by what removed this member, or the session: then the insertion would be an error.
  IF NOT FOUND OR NOT EXISTS (SELECT FROM my_memberships WHERE session_id = made_in) THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  INSERT INTO messages (id, session_id, user_id, author_kind, author_name, author_role, author_hue, kind, text, status,
                        client_id, request_hash, seq)
  VALUES (said.id, made_in, made_by, 'user', own.user_name,
          CASE WHEN own.role = 'owner' THEN 'owner' WHEN own.account_role = 'admin' THEN 'operator' ELSE 'guest' END,
          own.hue, of_kind, words, 'done', sent_as, hash, said.seq)
  ON CONFLICT (session_id, user_id, client_id) WHERE user_id IS NOT NULL DO NOTHING
  RETURNING * INTO said;
  IF NOT FOUND OR NOT count_in_budget(made_by, 'pictures', most, seconds) THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  -- Statements of their own: what is read together with the count sees what there was before it waited for the budget's row.
  SELECT version INTO rules FROM prompt_rules_version;
  SELECT count(*) INTO queued FROM generations WHERE user_id = made_by AND status = 'queued';
  IF rules IS DISTINCT FROM known_rules OR (most_waiting > 0 AND queued + total > most_waiting) THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  IF one ->> 'source_asset_id' IS NOT NULL AND NOT EXISTS (
       SELECT FROM assets WHERE id = (one ->> 'source_asset_id')::uuid AND (session_id = made_in OR user_id = made_by)
                            AND kind = 'image' AND status = 'stored') THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  shared := jsonb_build_object('message_id', said.id, 'session_id', made_in, 'user_id', made_by);
  IF one ->> 'style' IS NOT NULL THEN
    shared := shared || coalesce(
      (SELECT jsonb_build_object('style', name, 'style_before', words_before, 'style_after', words_after,
                                 'style_without', words_without)
         FROM styles WHERE lower(name) = lower(one ->> 'style')), '{}');
  END IF;
  SELECT array_agg(g) INTO added
    FROM add_generations((SELECT jsonb_agg(w.each || shared ORDER BY w.place)
                            FROM jsonb_array_elements(wanted) WITH ORDINALITY AS w(each, place))) AS g;
  SELECT count(*) INTO held
    FROM hold_credits(made_in, of_kind, (SELECT array_agg(a.id) FROM unnest(added) AS a));
  IF held < total THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  RETURN QUERY
  SELECT a, row_to_json(said)::text,
         (SELECT json_agg(b)::text FROM credit_balances b WHERE b.session_id = made_in)
    FROM unnest(added) AS a;
END $$;

-- Called as the worker role, or, behind a pooler, before a role is taken on: the web role has no right to name its user. The
-- rights come after the change of owner, which takes the owner's along; who migrates is who calls it.
REVOKE ALL ON FUNCTION
  create_at_once(uuid, uuid, uuid, text, bytea, text, text, jsonb, uuid, integer, float8, integer) FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO chatserver_web;
ALTER FUNCTION create_at_once(uuid, uuid, uuid, text, bytea, text, text, jsonb, uuid, integer, float8, integer)
  OWNER TO chatserver_web;
DO $$
BEGIN
  SET LOCAL ROLE chatserver_web;
  EXECUTE format('GRANT EXECUTE ON FUNCTION create_at_once(uuid, uuid, uuid, text, bytea, text, text, jsonb, uuid, integer, '
                 'float8, integer) TO %I, chatserver_worker', session_user);
END $$;
SET LOCAL ROLE NONE;
REVOKE CREATE ON SCHEMA public FROM chatserver_web;
