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
-- The account of an address, with what sign-in needs. Addresses without a key are found by their old form.
SELECT id, email, name, role, status, password_hash, created_at
  FROM users
 WHERE status <> 'deleted' AND (email_key = :key OR (email_key IS NULL AND lower(email) = lower(:email)))
 ORDER BY email_key IS NULL LIMIT 1;

-- name: with_password
-- The account of a signed-in user, with what checking the password needs.
SELECT id, email, name, role, status, password_hash, created_at FROM users WHERE id = :id AND status <> 'deleted';

-- name: without_email_key
-- A batch of accounts whose address has no key yet.
SELECT id, email FROM users WHERE email_key IS NULL AND status <> 'deleted' ORDER BY id LIMIT :limit;

-- name: set_email_key
-- Sets the key of an address, unless another account has it.
UPDATE users SET email_key = :key
 WHERE id = :id AND email_key IS NULL AND status <> 'deleted'
   AND NOT EXISTS (SELECT FROM users o WHERE o.email_key = :key AND o.status <> 'deleted');

-- name: is_active
-- Whether an account is neither banned nor deleted.
SELECT status = 'active' FROM users WHERE id = :id;

-- name: lock_active
-- The same, with a lock under which the account cannot be closed until COMMIT.
SELECT status = 'active' FROM users WHERE id = :id FOR SHARE;

-- name: rename
-- Changes the name of this transaction's user.
UPDATE users SET name = :name WHERE id = :id RETURNING id, email, name, role, created_at;

-- name: save_preferences
-- Replaces the preferences of this transaction's user.
UPDATE users SET settings = :settings WHERE id = :id RETURNING id;

-- name: keep
-- Gives an account without a password its address and password.
UPDATE users SET email = :email, email_key = :email_key, password_hash = :password_hash, email_is_exempt = false
 WHERE id = :id AND status = 'active' AND password_hash IS NULL
RETURNING id, email, name, role, created_at;

-- name: set_password
-- Replaces a password, unless it has changed since it was checked.
UPDATE users SET password_hash = :password_hash
 WHERE id = :id AND status = 'active' AND password_hash IS NOT DISTINCT FROM :checked RETURNING id;

-- name: is_valid_invite
-- Whether an invite code is valid.
SELECT EXISTS (SELECT FROM session_invites i JOIN users u ON u.id = i.created_by AND u.status = 'active'
                WHERE i.code = :code AND i.revoked_at IS NULL AND i.expires_at > now());

-- Sign-ins ---------------------------------------------------------------------------------------------------------

-- name: open_sign_in
-- Creates a sign-in for a password that was just checked. The lock serialises it with a change of the password, so that no
-- sign-in with the old password outlives the change.
INSERT INTO sign_ins (id, user_id, token_hash, user_agent, address, expires_at)
SELECT :id, u.id, :token_hash, :user_agent, :address, now() + make_interval(days => :days)
  FROM (SELECT id FROM users
         WHERE id = :user_id AND status = 'active' AND password_hash IS NOT DISTINCT FROM :checked FOR SHARE) u
RETURNING id;

-- name: end_surplus_sign_ins
-- Keeps the newest sign-ins of a user and ends the others.
UPDATE sign_ins SET ended_at = now()
 WHERE id IN (SELECT id FROM sign_ins WHERE user_id = :user_id AND ended_at IS NULL
               ORDER BY last_used_at DESC, id DESC OFFSET :kept)
RETURNING id;

-- name: viewers
-- The users of these sign-ins' cookies and API tokens, as far as these count; records their use, in one order everywhere.
SELECT 'cookie' AS via, w.hash AS token_hash, v.id, v.name, v.role, v.credential_id
  FROM (SELECT hash FROM unnest(:cookies::bytea[]) AS sent(hash) ORDER BY hash) AS w,
       LATERAL viewer_of_sign_in(w.hash, :idle_days) AS v
 UNION ALL
SELECT 'token', w.hash, v.id, v.name, v.role, v.credential_id
  FROM (SELECT hash FROM unnest(:tokens::bytea[]) AS sent(hash) ORDER BY hash) AS w,
       LATERAL viewer_of_api_token(w.hash) AS v;

-- name: valid_credentials
-- Which of these credentials (sign-ins or API tokens) are still valid.
SELECT s.id FROM sign_ins s JOIN users u ON u.id = s.user_id
 WHERE s.id = ANY(:ids::uuid[]) AND s.ended_at IS NULL AND s.expires_at > now()
   AND s.last_used_at > now() - make_interval(days => :idle_days) AND u.status = 'active'
UNION ALL
SELECT t.id FROM api_tokens t JOIN users u ON u.id = t.user_id
 WHERE t.id = ANY(:ids::uuid[]) AND t.revoked_at IS NULL AND u.status = 'active';

-- name: list_sign_ins
-- The valid sign-ins of a user, the last used first.
SELECT id, user_agent, address, created_at, last_used_at, expires_at FROM sign_ins
 WHERE user_id = :user_id AND ended_at IS NULL AND expires_at > now()
   AND last_used_at > now() - make_interval(days => :idle_days)
 ORDER BY last_used_at DESC, id DESC;

-- name: end_sign_in
-- Ends one sign-in of a user.
UPDATE sign_ins SET ended_at = now() WHERE id = :id AND user_id = :user_id AND ended_at IS NULL RETURNING id;

-- name: end_sign_ins
-- Ends every sign-in of a user except `kept` (which may be NULL).
UPDATE sign_ins SET ended_at = now()
 WHERE user_id = :user_id AND ended_at IS NULL AND id IS DISTINCT FROM :kept::uuid RETURNING id;

-- API tokens -------------------------------------------------------------------------------------------------------

-- name: add_token
-- Creates an API token; only its hash is stored.
INSERT INTO api_tokens (id, user_id, name, token_hash) VALUES (:id, :user_id, :name, :token_hash) RETURNING id;

-- name: lock_for_token
-- Locks the account while a token is created for a password that was just checked.
SELECT id FROM users WHERE id = :user_id AND status = 'active' AND password_hash = :checked FOR SHARE;

-- name: count_tokens
-- How many valid API tokens a user has.
SELECT count(*) FROM api_tokens WHERE user_id = :user_id AND revoked_at IS NULL;

-- name: list_tokens
-- The valid API tokens of a user, the newest first.
SELECT id, name, created_at, last_used_at FROM api_tokens
 WHERE user_id = :user_id AND revoked_at IS NULL ORDER BY id DESC;

-- name: revoke_token
-- Revokes one API token of a user.
UPDATE api_tokens SET revoked_at = now() WHERE id = :id AND user_id = :user_id AND revoked_at IS NULL RETURNING id;

-- name: revoke_tokens
-- Revokes every API token of a user.
UPDATE api_tokens SET revoked_at = now() WHERE user_id = :user_id AND revoked_at IS NULL RETURNING id;

-- Resets -----------------------------------------------------------------------------------------------------------

-- name: add_reset
-- Creates a password reset; earlier ones become invalid.
WITH void AS (DELETE FROM password_resets WHERE user_id = :user_id)
INSERT INTO password_resets (id, user_id, token_hash, expires_at)
VALUES (:id, :user_id, :token_hash, now() + make_interval(mins => :minutes));

-- name: void_resets
-- Makes the reset links of a user invalid.
DELETE FROM password_resets WHERE user_id = :user_id;

-- name: find_reset
-- The user of a reset link, while it is valid.
SELECT u.id, u.email, u.name FROM password_resets r JOIN users u ON u.id = r.user_id
 WHERE r.token_hash = :token_hash AND r.used_at IS NULL AND r.expires_at > now() AND u.status = 'active';

-- name: use_reset
-- Consumes a reset, once.
UPDATE password_resets r SET used_at = now() FROM users u
 WHERE r.token_hash = :token_hash AND r.used_at IS NULL AND r.expires_at > now()
   AND u.id = r.user_id AND u.status = 'active'
RETURNING u.id, u.email, u.name, u.role, u.created_at;

-- name: address_status
-- What is known of the address of an account.
SELECT email, email_verified_at, email_is_exempt FROM users WHERE id = :id AND status <> 'deleted';

-- name: add_email_verification
-- A link for the address that an active account has now, unless that is verified; an earlier one becomes invalid.
INSERT INTO email_verifications (user_id, token_hash, email, expires_at)
SELECT id, :token_hash, email, now() + make_interval(days => :days) FROM users
 WHERE id = :user_id AND status = 'active' AND email_verified_at IS NULL
    ON CONFLICT (user_id) DO UPDATE
   SET token_hash = excluded.token_hash, email = excluded.email, expires_at = excluded.expires_at
RETURNING user_id;

-- name: find_email_verification
-- The address of a link, while it is valid.
SELECT u.email FROM email_verifications v JOIN users u ON u.id = v.user_id AND u.email = v.email AND u.status = 'active'
 WHERE v.token_hash = :token_hash AND v.expires_at > now();

-- name: confirm_email
-- Consumes a link, once, and verifies its address.
WITH used AS (DELETE FROM email_verifications WHERE token_hash = :token_hash AND expires_at > now()
              RETURNING user_id, email)
UPDATE users u SET email_verified_at = now() FROM used
 WHERE u.id = used.user_id AND u.email = used.email AND u.status = 'active'
RETURNING u.id;

-- name: replace_password
-- Sets a password without checking the old one.
UPDATE users SET password_hash = :password_hash WHERE id = :id AND status = 'active';

-- Throttles --------------------------------------------------------------------------------------------------------

-- name: count_attempt
-- Counts an attempt, and sets the wait before the next one once the free ones are used up; no row during a wait. A count
-- expires with its window (or, once there were waits, a further window).
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
-- Takes back the count of a success, without shortening the window of earlier failures.
UPDATE throttles SET count = greatest(count - 1, 0),
       expires_at = CASE WHEN count >= :free THEN now() + make_interval(secs => :window_seconds) ELSE expires_at END
 WHERE key = :key;

-- The operator -----------------------------------------------------------------------------------------------------

-- name: list
-- Accounts, the newest first, with their numbers for the operator.
SELECT u.id, u.email, u.name, u.role, u.status, u.created_at,
       (SELECT max(s.last_used_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at,
       (SELECT count(*) FROM user_sessions o WHERE o.user_id = u.id) AS sessions
  FROM users u WHERE u.status <> 'deleted' AND (:before::uuid IS NULL OR u.id < :before::uuid)
 ORDER BY u.id DESC LIMIT :limit;

-- name: lock_admins
-- Locks every active admin, in one order.
SELECT id FROM users WHERE role = 'admin' AND status = 'active' ORDER BY id FOR UPDATE;

-- name: set_role
-- Sets the role of a user: member or admin.
UPDATE users SET role = :role WHERE id = :id AND status <> 'deleted' RETURNING id;

-- name: set_status
-- Bans or unbans a user.
UPDATE users SET status = :status WHERE id = :id AND status <> 'deleted' RETURNING id;

-- Deletion -------------------------------------------------------------------------------------------------------

-- name: void_email_verifications
-- Removes the link by which an account verifies its address, with the address.
DELETE FROM email_verifications WHERE user_id = :user_id;

-- name: close
-- Removes all personal data of an account; its address can be used again.
UPDATE users SET status = 'deleted', name = :name, email = 'deleted-' || id || '@invalid', email_key = NULL, password_hash = NULL,
       settings = '{}', role = 'member', email_verified_at = NULL
 WHERE id = :id AND status <> 'deleted' RETURNING id;

-- name: remove
-- Deletes a closed account with the rows that reference it.
DELETE FROM users WHERE id = :id AND status = 'deleted';

-- Clean-up ---------------------------------------------------------------------------------------------------------

-- name: sweep_throttles
-- Deletes expired counts.
DELETE FROM throttles WHERE expires_at < now() - interval '1 day';

-- name: sweep_sign_ins
-- Deletes sign-ins that ended or expired a month ago.
DELETE FROM sign_ins WHERE least(ended_at, expires_at) < now() - interval '30 days';

-- name: sweep_tokens
-- Deletes API tokens that were revoked a month ago.
DELETE FROM api_tokens WHERE revoked_at < now() - interval '30 days';

-- name: sweep_email_verifications
-- Deletes links that are no longer valid.
DELETE FROM email_verifications WHERE expires_at < now();

-- name: sweep_resets
-- Deletes resets that are no longer valid.
DELETE FROM password_resets WHERE expires_at < now() - interval '1 day';

-- name: bring_forward
-- After the clock was set back by so many seconds: windows of attempts, and waits before the next.
UPDATE throttles SET expires_at = expires_at - make_interval(secs => :seconds::float8) WHERE expires_at > clock_timestamp();
