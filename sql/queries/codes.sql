-- Codes, each good for one session, and trials.

-- name: insert
-- A new code; only its hash is stored.
INSERT INTO codes (id, code_hash, batch_id, plan_id, minutes, image_credits_per_hour, video_credits_per_hour, amount, currency,
                   note, made_by, expires_at)
VALUES (:id, :code_hash, :batch_id, :plan_id, :minutes, :image_credits_per_hour, :video_credits_per_hour, :amount, :currency,
        :note, :made_by, :expires_at);

-- name: redeem
-- Marks a good code as redeemed; no row where it is not good. Of several at once one gets it.
UPDATE codes SET redeemed_at = clock_timestamp(), redeemed_by = :user_id
 WHERE code_hash = :code_hash AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
RETURNING id, plan_id, minutes, image_credits_per_hour, video_credits_per_hour, amount, currency;

-- name: set_session
-- The session that a code has become.
UPDATE codes SET session_id = :session_id WHERE id = :id;

-- name: find
-- A code by its hash, whatever became of it.
SELECT *, expires_at <= clock_timestamp() AS expired FROM codes WHERE code_hash = :code_hash;

-- name: revoke
-- Withdraws one code, or those of a batch, that nobody has redeemed.
UPDATE codes SET revoked_at = clock_timestamp()
 WHERE (id = :id OR batch_id = :id) AND redeemed_at IS NULL AND revoked_at IS NULL
RETURNING id;

-- name: exists
-- Whether there is a code or a batch with this id.
SELECT EXISTS (SELECT FROM codes WHERE id = :id OR batch_id = :id);

-- name: batches
-- A page of batches, the newest first, with what became of their codes.
SELECT b.batch_id AS id, c.plan_id, c.minutes, c.amount::text AS amount, c.currency, c.note, c.made_by, c.made_at, c.expires_at,
       n.made, n.redeemed, n.revoked, n.expired
  FROM (SELECT DISTINCT batch_id FROM codes WHERE :before::uuid IS NULL OR batch_id < :before::uuid
         ORDER BY batch_id DESC LIMIT :limit) AS b
 CROSS JOIN LATERAL (SELECT * FROM codes WHERE batch_id = b.batch_id ORDER BY id LIMIT 1) AS c
 CROSS JOIN LATERAL (SELECT count(*) AS made, count(redeemed_at) AS redeemed, count(revoked_at) AS revoked,
                            count(*) FILTER (WHERE redeemed_at IS NULL AND revoked_at IS NULL
                                               AND expires_at <= clock_timestamp()) AS expired
                       FROM codes WHERE batch_id = b.batch_id) AS n
 ORDER BY b.batch_id DESC;

-- name: of_batch
-- The codes of a batch, in the order in which they were printed.
SELECT *, expires_at <= clock_timestamp() AS expired FROM codes WHERE batch_id = :batch_id ORDER BY id LIMIT :limit;

-- name: export
-- A page of the codes that a user has redeemed, for the export.
SELECT id, plan_id, minutes, amount::text AS amount, currency, redeemed_at, session_id
  FROM codes WHERE redeemed_by = :user_id AND id > :after ORDER BY id LIMIT :limit;

-- name: begin_trial
-- Notes that a person has their trial; no row where they have had it.
INSERT INTO trials (address_hash, user_id) VALUES (:address_hash, :user_id) ON CONFLICT DO NOTHING RETURNING true;

-- name: has_had_trial
-- Whether a person has had their trial.
SELECT EXISTS (SELECT FROM trials WHERE address_hash = :address_hash OR user_id = :user_id);
