-- What a function finds after it has waited for a row, and what does not wait: as in 0055 but for what comments say here.

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
    IF NOT FOUND OR NOT EXISTS (SELECT FROM my_memberships WHERE session_id = entered) THEN
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

-- The others belong to the roles that they act as, which therefore change them.
GRANT CREATE ON SCHEMA public TO chatserver_web, chatserver_worker;
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
  IF NOT FOUND OR NOT EXISTS (SELECT FROM my_memberships WHERE session_id = said_in) THEN
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

SET LOCAL ROLE chatserver_worker;
-- The use is recorded once a minute, and not where somebody else has the row: many are recognised in one statement, and none of
-- them waits for another's lock.
CREATE OR REPLACE FUNCTION viewer_of_sign_in(hash bytea, idle_days integer)
RETURNS TABLE (id uuid, name text, role text, credential_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  used timestamptz;
BEGIN
  SELECT u.id, u.name, u.role, s.id, s.last_used_at INTO id, name, role, credential_id, used
    FROM sign_ins s JOIN users u ON u.id = s.user_id
   WHERE s.token_hash = hash AND s.ended_at IS NULL AND s.expires_at > now()
     AND s.last_used_at > now() - make_interval(days => idle_days) AND u.status = 'active';
  IF FOUND THEN
    IF used < now() - interval '1 minute' THEN
      UPDATE sign_ins SET last_used_at = now()
       WHERE sign_ins.id = (SELECT c.id FROM sign_ins c WHERE c.id = credential_id FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION viewer_of_api_token(hash bytea) RETURNS TABLE (id uuid, name text, role text, credential_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  used timestamptz;
BEGIN
  SELECT u.id, u.name, u.role, t.id, t.last_used_at INTO id, name, role, credential_id, used
    FROM api_tokens t JOIN users u ON u.id = t.user_id
   WHERE t.token_hash = hash AND t.revoked_at IS NULL AND u.status = 'active';
  IF FOUND THEN
    IF used IS NULL OR used < now() - interval '1 minute' THEN
      UPDATE api_tokens SET last_used_at = now()
       WHERE api_tokens.id = (SELECT c.id FROM api_tokens c WHERE c.id = credential_id FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
  END IF;
END $$;

-- Who migrates is who calls them, behind a pooler before a role is taken on. 0055 granted this before it gave them away, and a
-- change of owner takes the owner's rights along.
DO $$
BEGIN
  EXECUTE format('GRANT EXECUTE ON FUNCTION viewer_of_sign_in(bytea, integer), viewer_of_api_token(bytea) TO %I',
                 session_user);
  SET LOCAL ROLE chatserver_web;
  EXECUTE format('GRANT EXECUTE ON FUNCTION say_at_once(uuid, uuid, uuid, text, bytea, text, text, uuid, boolean, integer, '
                 'float8, integer, float8) TO %I', session_user);
END $$;
SET LOCAL ROLE NONE;
REVOKE CREATE ON SCHEMA public FROM chatserver_web, chatserver_worker;
