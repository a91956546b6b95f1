-- Rights are looked up for the row in question. A policy that reads `session_id IN (SELECT my_sessions())` collects all
-- sessions of its user in each statement that it guards: a message by a member of 10,000 sessions took 50 ms of Postgres,
-- and a generation 90. A subquery that returns one value is an index lookup for each row; EXISTS the planner may turn into the
-- collection of all again, by the number of sessions that people have on average.

-- The sessions of which this transaction's user is a member now, and the people who are or were in one of them. They
-- belong to the worker role, because the policies of what they read ask them; as barriers they let no expression of the
-- one who asks see other rows.
CREATE VIEW joined_sessions WITH (security_barrier = true) AS
SELECT session_id FROM session_members WHERE user_id = app_user_id() AND left_at IS NULL;
CREATE VIEW known_people WITH (security_barrier = true) AS
SELECT other.user_id
  FROM session_members own JOIN session_members other ON other.session_id = own.session_id
 WHERE own.user_id = app_user_id() AND own.left_at IS NULL;
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER VIEW joined_sessions OWNER TO chatserver_worker;
ALTER VIEW known_people OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
DO $$
BEGIN
  SET LOCAL ROLE chatserver_worker;
  GRANT SELECT ON joined_sessions, known_people TO chatserver_web;
END $$;
SET LOCAL ROLE NONE;

-- For `known_people`: the sessions of one of two people.
CREATE INDEX session_members_user ON session_members (user_id);
-- `generations_message_id_number_key` begins with the same column; each change of a status wrote to both.
DROP INDEX generations_message;

DO $$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['messages', 'generations', 'assets', 'credits'] LOOP
    EXECUTE format('ALTER POLICY members_read ON %1$I
                    USING ((SELECT true FROM joined_sessions j WHERE j.session_id = %1$I.session_id))', guarded);
    EXECUTE format('ALTER POLICY members_change ON %1$I
                    USING ((SELECT true FROM joined_sessions j WHERE j.session_id = %1$I.session_id))', guarded);
  END LOOP;
END $$;
ALTER POLICY members_read ON credit_entries
  USING ((SELECT true FROM joined_sessions j WHERE j.session_id = credit_entries.session_id));
ALTER POLICY members_add ON credit_entries
  WITH CHECK (action <> 'grant' AND (SELECT true FROM joined_sessions j WHERE j.session_id = credit_entries.session_id));
ALTER POLICY members_add ON generations
  WITH CHECK (user_id = app_user_id()
              AND (SELECT true FROM joined_sessions j WHERE j.session_id = generations.session_id));
ALTER POLICY members_add ON messages
  WITH CHECK (((author_kind = 'user' AND user_id = app_user_id()) OR (author_kind <> 'user' AND user_id IS NULL))
              AND (SELECT true FROM joined_sessions j WHERE j.session_id = messages.session_id));
ALTER POLICY members_upload ON assets
  WITH CHECK (origin = 'upload' AND status = 'staged' AND generation_id IS NULL AND user_id = app_user_id()
              AND starts_with(storage_key, app_user_id()::text || '/')
              AND starts_with(thumbnail_key, app_user_id()::text || '/')
              AND (SELECT true FROM joined_sessions j WHERE j.session_id = assets.session_id));
ALTER POLICY members_read ON user_sessions
  USING (user_id = app_user_id() OR (SELECT true FROM joined_sessions j WHERE j.session_id = user_sessions.id));
ALTER POLICY members_change ON user_sessions
  USING ((SELECT true FROM joined_sessions j WHERE j.session_id = user_sessions.id));
ALTER POLICY members_read ON session_members
  USING (user_id = app_user_id() OR (SELECT true FROM joined_sessions j WHERE j.session_id = session_members.session_id));
ALTER POLICY own ON session_reads
  USING (user_id = app_user_id() AND (SELECT true FROM joined_sessions j WHERE j.session_id = session_reads.session_id));
ALTER POLICY people ON users
  USING (id = app_user_id() OR (SELECT true FROM known_people k WHERE k.user_id = users.id LIMIT 1));

-- What belongs to the owner of a session, of an album and of a link.
ALTER POLICY owner ON session_invites
  USING (EXISTS (SELECT FROM user_sessions s WHERE s.id = session_invites.session_id AND s.user_id = app_user_id()));
ALTER POLICY owner ON session_removals
  USING (EXISTS (SELECT FROM user_sessions s WHERE s.id = session_removals.session_id AND s.user_id = app_user_id()));
ALTER POLICY owner_or_self_changes ON session_members
  USING (user_id = app_user_id()
         OR EXISTS (SELECT FROM user_sessions s WHERE s.id = session_members.session_id AND s.user_id = app_user_id()))
  WITH CHECK ((user_id = app_user_id() AND left_at IS NOT NULL)
              OR EXISTS (SELECT FROM user_sessions s WHERE s.id = session_members.session_id AND s.user_id = app_user_id()));
ALTER POLICY own ON album_assets
  USING (EXISTS (SELECT FROM albums b WHERE b.id = album_assets.album_id AND b.user_id = app_user_id()))
  WITH CHECK (EXISTS (SELECT FROM albums b WHERE b.id = album_assets.album_id AND b.user_id = app_user_id())
              AND EXISTS (SELECT FROM assets a WHERE a.id = album_assets.asset_id AND a.user_id = app_user_id()));
ALTER POLICY own_add ON shares
  WITH CHECK (user_id = app_user_id()
              AND (album_id IS NULL
                   OR EXISTS (SELECT FROM albums b WHERE b.id = shares.album_id AND b.user_id = app_user_id()))
              AND (session_id IS NULL
                   OR (SELECT true FROM joined_sessions j WHERE j.session_id = shares.session_id)));
ALTER POLICY own ON share_assets
  USING (EXISTS (SELECT FROM shares s WHERE s.id = share_assets.share_id AND s.user_id = app_user_id()))
  WITH CHECK (EXISTS (SELECT FROM shares s WHERE s.id = share_assets.share_id AND s.user_id = app_user_id())
              AND EXISTS (SELECT FROM assets a WHERE a.id = share_assets.asset_id AND a.user_id = app_user_id()));

-- Where to look, for the user $1: among one's own pictures, or among one's favourites, also those that others made.
CREATE OR REPLACE FUNCTION picture_source(filters jsonb) RETURNS text LANGUAGE sql STABLE
RETURN CASE WHEN (filters->>'favorite')::boolean
  THEN 'favorites f JOIN pictures p USING (asset_id) WHERE f.user_id = $1'
       ' AND (p.user_id = $1 OR EXISTS (SELECT FROM joined_sessions j WHERE j.session_id = p.session_id))'
  ELSE 'pictures p WHERE p.user_id = $1' END;

-- `my_sessions` stays for processes of the version before, which may run beside this one.
DROP FUNCTION my_companions();

-- As in 0060 and 0063, but that a membership is looked for again where it stands, and not together with the session, the
-- plan and the owner.

CREATE OR REPLACE FUNCTION enter_session(
  entered uuid, sent_as text, budget text, most integer, seconds float8, credit_kind text)
RETURNS TABLE (
  session_id uuid, user_id uuid, user_name text, account_role text, hue smallint, role text, untitled boolean,
  guests_may_generate boolean, owner_id uuid, active boolean, expires_at timestamptz, plan_id text, plan_name text,
  max_size integer, max_count integer, max_uploads integer, chat_model text, user_status text, owner_active boolean,
  members_count bigint, newest_message_id uuid, repeated_id uuid, request_hash bytea, counted boolean,
  waiting bigint, free bigint, rules_version uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  own      my_memberships%ROWTYPE;
  newest   uuid;
  said     uuid;
  its_hash bytea;
  allowed  boolean;
  queued   bigint;
  unused   bigint;
  rules    uuid;
BEGIN
  SELECT * INTO own FROM my_memberships WHERE session_id = entered;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF own.user_status = 'active' AND own.active AND own.owner_active
     AND (credit_kind IS NULL OR own.role = 'owner' OR own.guests_may_generate) THEN
    IF credit_kind IS NOT NULL THEN
      PERFORM number FROM credits
       WHERE session_id = entered AND kind = credit_kind ORDER BY number FOR UPDATE;
    END IF;
    SELECT newest_message_id INTO newest FROM user_sessions WHERE id = entered FOR UPDATE;
    -- The row may have been locked by what removed this member, or the session.
    IF NOT FOUND OR NOT EXISTS (SELECT FROM joined_sessions WHERE session_id = entered) THEN
      RETURN;
    END IF;
    SELECT id, request_hash INTO said, its_hash
      FROM messages WHERE session_id = entered AND user_id = own.user_id AND client_id = sent_as;
    IF said IS NULL THEN
      allowed := count_in_budget(own.user_id, budget, most, seconds);
    END IF;
    IF allowed AND credit_kind IS NOT NULL THEN
      SELECT count(*) INTO queued FROM generations WHERE user_id = own.user_id AND status = 'queued';
      SELECT count(*) INTO unused FROM credits
       WHERE session_id = entered AND kind = credit_kind AND available_at <= clock_timestamp();
      SELECT version INTO rules FROM prompt_rules_version;
    END IF;
  END IF;
  RETURN QUERY SELECT own.session_id, own.user_id, own.user_name, own.account_role, own.hue, own.role, own.untitled,
    own.guests_may_generate, own.owner_id, own.active, own.expires_at, own.plan_id, own.plan_name, own.max_size,
    own.max_count, own.max_uploads, own.chat_model, own.user_status, own.owner_active, own.members_count, newest, said,
    its_hash, allowed, queued, unused, rules;
END $$;

GRANT CREATE ON SCHEMA public TO chatserver_web;
SET LOCAL ROLE chatserver_web;

CREATE OR REPLACE FUNCTION say_at_once(
  said_by uuid, said_in uuid, new_id uuid, sent_as text, hash bytea, words text, drawn text, new_reply_id uuid, calls boolean,
  most integer, seconds float8, most_replies integer, seconds_of_replies float8)
RETURNS SETOF messages LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  own     record;
  said    messages%ROWTYPE;
  replies boolean;
BEGIN
  PERFORM set_config('app.user_id', said_by::text, true);
  SELECT user_name, account_role, hue, role, untitled, user_status, active, owner_active, members_count INTO own
    FROM my_memberships WHERE session_id = said_in;
  IF NOT FOUND OR own.user_status <> 'active' OR NOT own.active OR NOT own.owner_active
     OR (own.untitled AND own.role = 'owner') THEN
    RETURN;
  END IF;
  replies := calls OR own.members_count = 1;
  UPDATE user_sessions
     SET seq = seq + 1 + replies::integer, messages_count = messages_count + 1 + replies::integer,
         newest_message_id = id_after(new_id, newest_message_id)
   WHERE id = said_in RETURNING newest_message_id, seq - replies::integer INTO said.id, said.seq;
  -- The row may have been locked by what removed this member, or the session: then the insertion would be an error.
  IF NOT FOUND OR NOT EXISTS (SELECT FROM joined_sessions WHERE session_id = said_in) THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  INSERT INTO messages (id, session_id, user_id, author_kind, author_name, author_role, author_hue, kind, text, html,
                        status, client_id, request_hash, seq)
  VALUES (said.id, said_in, said_by, 'user', own.user_name,
          CASE WHEN own.role = 'owner' THEN 'owner' WHEN own.account_role = 'admin' THEN 'operator' ELSE 'guest' END,
          own.hue, 'text', words, drawn, 'done', sent_as, hash, said.seq)
  ON CONFLICT (session_id, user_id, client_id) WHERE user_id IS NOT NULL DO NOTHING
  RETURNING * INTO said;
  IF NOT FOUND OR NOT count_in_budget(said_by, 'messages', most, seconds) THEN
    RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
  END IF;
  RETURN NEXT said;
  IF replies THEN
    IF NOT count_in_budget(said_by, 'replies', most_replies, seconds_of_replies) THEN
      RAISE EXCEPTION 'out of the ordinary' USING ERRCODE = 'CS001';
    END IF;
    new_reply_id := id_after(new_reply_id, said.id);
    UPDATE user_sessions SET newest_message_id = new_reply_id WHERE id = said_in;
    RETURN QUERY
    INSERT INTO messages (id, session_id, author_kind, author_name, kind, status, client_id, reply_to, asked_by, seq)
    VALUES (new_reply_id, said_in, 'assistant', 'Assistant', 'text', 'streaming', new_reply_id::text, said.id, said_by,
            said.seq + 1)
    RETURNING *;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION create_at_once(
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
  IF NOT FOUND OR NOT EXISTS (SELECT FROM joined_sessions WHERE session_id = made_in) THEN
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

SET LOCAL ROLE NONE;
REVOKE CREATE ON SCHEMA public FROM chatserver_web;
