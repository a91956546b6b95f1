-- The plans that sessions are bought on.

-- name: available
-- Every plan on offer, in the operator's order.
SELECT * FROM session_config WHERE available ORDER BY position, id;

-- name: all
-- Every plan, also those no longer on offer.
SELECT * FROM session_config ORDER BY position, id;

-- name: find
-- One plan by its id, on offer or not: a running session keeps its plan.
SELECT * FROM session_config WHERE id = :plan_id;

-- name: lock
-- Serialises changes of plans until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('plans', 0));

-- name: save
-- Adds a plan or replaces all of its settings.
INSERT INTO session_config (id, name, price_amount, price_currency, minutes, image_credits_per_hour,
                            video_credits_per_hour, max_size, max_count, max_uploads, position, available, chat_model)
VALUES (:id, :name, :price_amount, :price_currency, :minutes, :image_credits_per_hour,
        :video_credits_per_hour, :max_size, :max_count, :max_uploads, :position, :available, :chat_model)
ON CONFLICT (id) DO UPDATE
   SET name = excluded.name, price_amount = excluded.price_amount, price_currency = excluded.price_currency,
       minutes = excluded.minutes, image_credits_per_hour = excluded.image_credits_per_hour,
       video_credits_per_hour = excluded.video_credits_per_hour, max_size = excluded.max_size,
       max_count = excluded.max_count,
       max_uploads = excluded.max_uploads, position = excluded.position, available = excluded.available,
       chat_model = excluded.chat_model
RETURNING *;
