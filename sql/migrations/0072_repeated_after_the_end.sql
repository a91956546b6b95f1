-- What was made is the answer to whoever asks for it once more, also after the end of the session: it was looked for in sessions
-- with time left only, and the answer that was lost became a refusal. Nothing else of the function differs from 0065.
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
  ELSE
    SELECT id, request_hash INTO said, its_hash
      FROM messages WHERE session_id = entered AND user_id = own.user_id AND client_id = sent_as;
  END IF;
  RETURN QUERY SELECT own.session_id, own.user_id, own.user_name, own.account_role, own.hue, own.role, own.untitled,
    own.guests_may_generate, own.owner_id, own.active, own.expires_at, own.plan_id, own.plan_name, own.max_size,
    own.max_count, own.max_uploads, own.chat_model, own.user_status, own.owner_active, own.members_count, newest, said,
    its_hash, allowed, queued, unused, rules;
END $$;
