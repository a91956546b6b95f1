-- Accounts, sign-ins, API tokens, resets and throttles. Times are the database's own.

-- Accounts -------------------------------------------------------------------------------------------------------

-- name: add
-- Makes an account; no row where the address is taken.
INSERT INTO users (id, email, email_key, name, password_hash)
VALUES (:id, :email, :email_key, :name, :password_hash)
ON CONFLICT DO NOTHING
RETURNING id, email, name, role, created_at;

-- name: get
-- One account, whatever its status but deleted.
SELECT id, email, name, role, status, settings, created_at FROM users WHERE id = :id AND status <> 'deleted';

-- name: by_email
-- The account of an address, with what sign-in needs. An address from before keys is found as it was then.
SELECT id, email, name, role, status, password_hash, created_at
  FROM users
 WHERE status <> 'deleted' AND (email_key = :key OR (email_key IS NULL AND lower(email) = lower(:email)))
 ORDER BY email_key IS NULL LIMIT 1;

-- name: with_password
-- The account of somebody signed in, with what checking the password needs.
SELECT id, email, name, role, status, password_hash, created_at FROM users WHERE id = :id AND status <> 'deleted';

-- name: without_email_key
-- A few accounts whose address has no key yet.
SELECT id, email FROM users WHERE email_key IS NULL AND status <> 'deleted' ORDER BY id LIMIT :limit;

-- name: set_email_key
-- Gives an address its key, unless another account has that.
UPDATE users SET email_key = :key
 WHERE id = :id AND email_key IS NULL AND status <> 'deleted'
   AND NOT EXISTS (SELECT FROM users o WHERE o.email_key = :key AND o.status <> 'deleted');

-- name: is_active
-- Whether an account is neither banned nor deleted.
SELECT status = 'active' FROM users WHERE id = :id;

-- name: rename
-- Changes the name of this transaction's user.
UPDATE users SET name = :name WHERE id = :id RETURNING id, email, name, role, created_at;

-- name: save_preferences
-- Replaces the preferences of this transaction's user.
UPDATE users SET settings = :settings WHERE id = :id RETURNING id;

-- name: set_password
-- Replaces a password, where the old one is still what was checked.
UPDATE users SET password_hash = :password_hash
 WHERE id = :id AND status = 'active' AND password_hash IS NOT DISTINCT FROM :checked RETURNING id;

-- name: is_valid_invite
-- Whether a session's invite code is good.
SELECT EXISTS (SELECT FROM session_invites i JOIN users u ON u.id = i.created_by AND u.status = 'active'
                WHERE i.code = :code AND i.revoked_at IS NULL AND i.expires_at > now());

-- Sign-ins ---------------------------------------------------------------------------------------------------------

-- name: open_sign_in
-- Opens a sign-in for a password that was just checked. The lock makes a change of password wait for us, or us for it:
-- no sign-in with the old password outlives the change.
INSERT INTO sign_ins (id, user_id, token_hash, user_agent, address, expires_at)
SELECT :id, u.id, :token_hash, :user_agent, :address, now() + make_interval(days => :days)
  FROM (SELECT id FROM users
         WHERE id = :user_id AND status = 'active' AND password_hash = :checked FOR SHARE) u
RETURNING id;

-- name: end_surplus_sign_ins
-- Keeps the newest sign-ins of a person and ends the others.
UPDATE sign_ins SET ended_at = now()
 WHERE id IN (SELECT id FROM sign_ins WHERE user_id = :user_id AND ended_at IS NULL
               ORDER BY last_used_at DESC, id DESC OFFSET :kept)
RETURNING id;

-- name: identify_sign_in
-- Who holds a cookie, where the sign-in is neither ended, nor idle too long, nor too old.
SELECT s.id AS credential_id, u.id, u.name, u.role, s.last_used_at < now() - interval '1 minute' AS stale
  FROM sign_ins s JOIN users u ON u.id = s.user_id
 WHERE s.token_hash = :token_hash AND s.ended_at IS NULL AND s.expires_at > now()
   AND s.last_used_at > now() - make_interval(days => :idle_days) AND u.status = 'active';

-- name: touch_sign_in
-- Notes that a sign-in is in use.
UPDATE sign_ins SET last_used_at = now() WHERE id = :id;

-- name: identify_token
-- Who holds an API token that is not revoked.
SELECT t.id AS credential_id, u.id, u.name, u.role,
       coalesce(t.last_used_at < now() - interval '1 minute', true) AS stale
  FROM api_tokens t JOIN users u ON u.id = t.user_id
 WHERE t.token_hash = :token_hash AND t.revoked_at IS NULL AND u.status = 'active';

-- name: touch_token
-- Notes that an API token is in use.
UPDATE api_tokens SET last_used_at = now() WHERE id = :id;

-- name: valid_credentials
-- Which of these credentials, sign-ins or API tokens, still stand.
SELECT s.id FROM sign_ins s JOIN users u ON u.id = s.user_id
 WHERE s.id = ANY(:ids::uuid[]) AND s.ended_at IS NULL AND s.expires_at > now()
   AND s.last_used_at > now() - make_interval(days => :idle_days) AND u.status = 'active'
UNION ALL
SELECT t.id FROM api_tokens t JOIN users u ON u.id = t.user_id
 WHERE t.id = ANY(:ids::uuid[]) AND t.revoked_at IS NULL AND u.status = 'active';

-- name: list_sign_ins
-- The sign-ins of a person that still stand, the last used first.
SELECT id, user_agent, address, created_at, last_used_at, expires_at FROM sign_ins
 WHERE user_id = :user_id AND ended_at IS NULL AND expires_at > now()
   AND last_used_at > now() - make_interval(days => :idle_days)
 ORDER BY last_used_at DESC, id DESC;

-- name: end_sign_in
-- Ends one sign-in of a person.
UPDATE sign_ins SET ended_at = now() WHERE id = :id AND user_id = :user_id AND ended_at IS NULL RETURNING id;

-- name: end_sign_ins
-- Ends every sign-in of a person but one (or none, where `kept` is null).
UPDATE sign_ins SET ended_at = now()
 WHERE user_id = :user_id AND ended_at IS NULL AND id IS DISTINCT FROM :kept::uuid RETURNING id;

-- API tokens -------------------------------------------------------------------------------------------------------

-- name: add_token
-- Makes an API token; only the hash is kept.
INSERT INTO api_tokens (id, user_id, name, token_hash) VALUES (:id, :user_id, :name, :token_hash) RETURNING id;

-- name: lock_for_token
-- Holds the account still while a token is made for a password that was just checked.
SELECT id FROM users WHERE id = :user_id AND status = 'active' AND password_hash = :checked FOR SHARE;

-- name: count_tokens
-- How many API tokens of a person stand.
SELECT count(*) FROM api_tokens WHERE user_id = :user_id AND revoked_at IS NULL;

-- name: list_tokens
-- The API tokens of a person that stand, the newest first.
SELECT id, name, created_at, last_used_at FROM api_tokens
 WHERE user_id = :user_id AND revoked_at IS NULL ORDER BY id DESC;

-- name: revoke_token
-- Revokes one API token of a person.
UPDATE api_tokens SET revoked_at = now() WHERE id = :id AND user_id = :user_id AND revoked_at IS NULL RETURNING id;

-- name: revoke_tokens
-- Revokes every API token of a person.
UPDATE api_tokens SET revoked_at = now() WHERE user_id = :user_id AND revoked_at IS NULL RETURNING id;

-- Resets -----------------------------------------------------------------------------------------------------------

-- name: add_reset
-- Opens a reset; those before it are void.
WITH void AS (DELETE FROM password_resets WHERE user_id = :user_id)
INSERT INTO password_resets (id, user_id, token_hash, expires_at)
VALUES (:id, :user_id, :token_hash, now() + make_interval(mins => :minutes));

-- name: find_reset
-- Whose reset a link is, while it can be used.
SELECT u.id, u.email, u.name FROM password_resets r JOIN users u ON u.id = r.user_id
 WHERE r.token_hash = :token_hash AND r.used_at IS NULL AND r.expires_at > now() AND u.status = 'active';

-- name: use_reset
-- Uses a reset up, once.
UPDATE password_resets r SET used_at = now() FROM users u
 WHERE r.token_hash = :token_hash AND r.used_at IS NULL AND r.expires_at > now()
   AND u.id = r.user_id AND u.status = 'active'
RETURNING u.id, u.email, u.name, u.role, u.created_at;

-- name: replace_password
-- Sets a password whatever the old one was.
UPDATE users SET password_hash = :password_hash WHERE id = :id AND status = 'active';

-- Throttles --------------------------------------------------------------------------------------------------------

-- name: count_attempt
-- Counts an attempt, and sets the wait before the next once the free ones are used up; no row while a wait runs.
-- A count is forgotten when its window (or, once waits began, a further window) has passed.
INSERT INTO throttles AS t (key, count, expires_at)
VALUES (:key, 1, now() + make_interval(secs => :window_seconds))
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN t.expires_at <= now() - make_interval(secs => CASE WHEN t.count < :free THEN 0 ELSE :window_seconds END)
               THEN 1 ELSE t.count + 1 END,
  expires_at = CASE
    WHEN t.expires_at <= now() - make_interval(secs => CASE WHEN t.count < :free THEN 0 ELSE :window_seconds END)
      THEN now() + make_interval(secs => :window_seconds)
    WHEN t.count + 1 < :free THEN t.expires_at
    ELSE now() + make_interval(secs => least(:first_wait_seconds * 2 ^ least(t.count + 1 - :free, 16),
                                             :longest_wait_seconds)) END
WHERE t.count < :free OR t.expires_at <= now()
RETURNING count;

-- name: remaining_wait
-- Seconds until the next attempt may be made.
SELECT greatest(extract(epoch FROM expires_at - now()), 0)::double precision FROM throttles WHERE key = :key;

-- name: reset_attempts
-- A success clears the count.
DELETE FROM throttles WHERE key = :key;

-- name: refund_attempt
-- A success is no failure; but it must not shorten the window of the failures before it.
UPDATE throttles SET count = greatest(count - 1, 0),
       expires_at = CASE WHEN count >= :free THEN now() + make_interval(secs => :window_seconds) ELSE expires_at END
 WHERE key = :key;

-- The operator -----------------------------------------------------------------------------------------------------

-- name: list
-- Accounts, newest first, with what the operator wants to see at a glance.
SELECT u.id, u.email, u.name, u.role, u.status, u.created_at,
       (SELECT max(s.last_used_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at,
       (SELECT count(*) FROM user_sessions o WHERE o.user_id = u.id) AS sessions
  FROM users u WHERE u.status <> 'deleted' AND (:before::uuid IS NULL OR u.id < :before::uuid)
 ORDER BY u.id DESC LIMIT :limit;

-- name: set_role
-- Makes a member an admin, or the other way round.
UPDATE users SET role = :role WHERE id = :id AND status <> 'deleted' RETURNING id;

-- name: set_status
-- Bans, or takes a ban back.
UPDATE users SET status = :status WHERE id = :id AND status <> 'deleted' RETURNING id;

-- Deletion -------------------------------------------------------------------------------------------------------

-- name: close
-- Takes everything personal from an account; its address is free again.
UPDATE users SET status = 'deleted', name = :name, email = 'deleted-' || id || '@invalid', email_key = NULL, password_hash = NULL,
       settings = '{}', role = 'member'
 WHERE id = :id AND status <> 'deleted' RETURNING id;

-- name: remove
-- Removes a closed account with the rows that reference it.
DELETE FROM users WHERE id = :id AND status = 'deleted';

-- Sweeping ---------------------------------------------------------------------------------------------------------

-- name: sweep_throttles
-- Forgets counts that no longer matter.
DELETE FROM throttles WHERE expires_at < now() - interval '1 day';

-- name: sweep_sign_ins
-- Forgets sign-ins that ended or ran out a month ago.
DELETE FROM sign_ins WHERE least(ended_at, expires_at) < now() - interval '30 days';

-- name: sweep_resets
-- Forgets resets that can no longer be used.
DELETE FROM password_resets WHERE expires_at < now() - interval '1 day';
