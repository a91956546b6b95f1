-- What a command reads first is read in one statement, and a message is said in one: each round trip costs both sides as much as
-- the statement that it carries.

-- The memberships of this transaction's user, with what commands need to know of the session, its owner and its plan.
CREATE VIEW my_memberships WITH (security_invoker = true) AS
SELECT s.id AS session_id, m.user_id, coalesce(m.shown_name, u.name) AS user_name,
       u.role AS account_role, m.hue, m.role, s.untitled, s.guests_may_generate, s.user_id AS owner_id,
       s.expires_at > clock_timestamp() AS active, s.expires_at, p.id AS plan_id, p.name AS plan_name, p.max_size,
       p.max_count, p.max_uploads, p.chat_model, u.status AS user_status,
       coalesce((SELECT w.status = 'active' FROM users w WHERE w.id = s.user_id), false) AS owner_active,
       (SELECT count(*) FROM session_members o WHERE o.session_id = s.id AND o.left_at IS NULL) AS members_count
  FROM user_sessions s
  JOIN session_members m ON m.session_id = s.id AND m.user_id = app_user_id() AND m.left_at IS NULL
  JOIN users u ON u.id = m.user_id
  JOIN session_config p ON p.id = s.plan_id;
GRANT SELECT ON my_memberships TO chatserver_web, chatserver_worker;

-- Counts one action of a user where the limit allows it (`most` 0: always); false where it does not.
CREATE FUNCTION count_in_budget(counted_user uuid, counted_kind text, most integer, seconds float8) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO budgets AS b (user_id, kind, times) VALUES (counted_user, counted_kind, ARRAY[clock_timestamp()])
  ON CONFLICT (user_id, kind) DO UPDATE
     SET times = (b.times || clock_timestamp())[greatest(cardinality(b.times) + 2 - most, 1):]
   WHERE most = 0 OR cardinality(b.times) < most
      OR b.times[cardinality(b.times) + 1 - most] <= clock_timestamp() - make_interval(secs => seconds);
  RETURN FOUND;
END $$;

-- The beginning of a command that adds a message: the membership (no row where there is none); then, where the session can
-- be written to, its locks: its credits of `credit_kind` where one is given, and its row. Only then is the message looked for
-- that this user has made with this client_id: its transaction may just have ended. Where there is none, the action is
-- counted, and with a `credit_kind` what decides on a generation is read.
CREATE FUNCTION enter_session(entered uuid, sent_as text, budget text, most integer, seconds float8, credit_kind text)
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

-- `wanted`, or an id of the same form that is one tick later than `earlier`, where it would sort before that.
CREATE FUNCTION id_after(wanted uuid, earlier uuid) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  ticks text := earlier::text;
BEGIN
  IF earlier IS NULL OR wanted > earlier THEN
    RETURN wanted;
  END IF;
  ticks := substr(ticks, 1, 8) || substr(ticks, 10, 4) || substr(ticks, 16, 3);
  ticks := lpad(to_hex(('x0' || ticks)::bit(64)::bigint + 1), 15, '0');
  RETURN substr(ticks, 1, 8) || '-' || substr(ticks, 9, 4) || '-7' || substr(ticks, 13, 3) || substr(wanted::text, 19);
END $$;

-- A message in words, with the place for the assistant's reply where one is due (`calls`: its words ask for one), for `said_by`
-- as under row-level security: a transaction of its own, in one statement. It returns what was added, in order. No row, or the
-- error CS001, and nothing stored, wherever anything is out of the ordinary: no membership, no time, a repetition, a limit, a
-- session without a title. Then the verb `say` says why, or does it. The session's row is locked first, as everywhere.
CREATE FUNCTION say_at_once(
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

-- Who has a sign-in or an API token: what each request asks first. Its use is recorded once a minute.
CREATE FUNCTION viewer_of_sign_in(hash bytea, idle_days integer)
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
      UPDATE sign_ins SET last_used_at = now() WHERE sign_ins.id = credential_id;
    END IF;
    RETURN NEXT;
  END IF;
END $$;

CREATE FUNCTION viewer_of_api_token(hash bytea) RETURNS TABLE (id uuid, name text, role text, credential_id uuid)
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
      UPDATE api_tokens SET last_used_at = now() WHERE api_tokens.id = credential_id;
    END IF;
    RETURN NEXT;
  END IF;
END $$;

-- Called as the worker role, or, behind a pooler, before a role is taken on: the web role has no right to name its user.
GRANT CREATE ON SCHEMA public TO chatserver_web, chatserver_worker;
REVOKE ALL ON FUNCTION say_at_once(uuid, uuid, uuid, text, bytea, text, text, uuid, boolean, integer, float8, integer, float8)
  FROM PUBLIC;
REVOKE ALL ON FUNCTION viewer_of_sign_in(bytea, integer), viewer_of_api_token(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  say_at_once(uuid, uuid, uuid, text, bytea, text, text, uuid, boolean, integer, float8, integer, float8),
  viewer_of_sign_in(bytea, integer), viewer_of_api_token(bytea) TO CURRENT_USER, chatserver_worker;
ALTER FUNCTION say_at_once(uuid, uuid, uuid, text, bytea, text, text, uuid, boolean, integer, float8, integer, float8)
  OWNER TO chatserver_web;
ALTER FUNCTION viewer_of_sign_in(bytea, integer) OWNER TO chatserver_worker;
ALTER FUNCTION viewer_of_api_token(bytea) OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_web, chatserver_worker;
