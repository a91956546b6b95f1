-- Orders of sessions that are paid at a gateway, and what gateways report.

-- name: insert
-- An order, before the person is sent to the gateway.
INSERT INTO orders (id, user_id, gateway, mode, plan, amount, currency, session_id, expires_at)
VALUES (:id, :user_id, :gateway, :mode, :plan, :amount, :currency, :session_id,
        clock_timestamp() + make_interval(secs => :seconds))
RETURNING *;

-- name: find
-- One order.
SELECT * FROM orders WHERE id = :id;

-- name: lock
-- One order, locked until COMMIT.
SELECT * FROM orders WHERE id = :id FOR UPDATE;

-- name: of_gateway
-- The order that a gateway knows by the id of its page or of the payment.
SELECT * FROM orders
 WHERE gateway = :gateway AND (gateway_id = ANY(:gateway_ids::text[]) OR payment_id = ANY(:gateway_ids::text[]))
 ORDER BY id LIMIT 1;

-- name: own
-- A page of a user's orders for which something was paid, or that can still be paid, the newest first.
SELECT * FROM orders
 WHERE user_id = :user_id AND (paid_at IS NOT NULL OR (state = 'open' AND expires_at > clock_timestamp()))
   AND (:before::uuid IS NULL OR id < :before::uuid)
 ORDER BY id DESC LIMIT :limit;

-- name: newest
-- A page of all orders, the newest first.
SELECT o.*, u.name AS user_name FROM orders o LEFT JOIN users u ON u.id = o.user_id
 WHERE :before::uuid IS NULL OR o.id < :before::uuid ORDER BY o.id DESC LIMIT :limit;

-- name: name_page
-- Keeps where the person pays, and asks the gateway from then on.
UPDATE orders SET gateway_id = :gateway_id, gateway_url = :url, ask_at = clock_timestamp() + make_interval(secs => :seconds)
 WHERE id = :id AND gateway_id IS NULL
RETURNING *;

-- name: claim
-- Orders about which the gateway is to be asked now: the next to ask waits, so no two processes ask about the same one. now(),
-- as no index is read up to a clock_timestamp().
UPDATE orders o
   SET ask_at = clock_timestamp() + make_interval(secs => CASE
         WHEN o.state = 'open' AND o.created_at > clock_timestamp() - interval '2 hours' THEN :soon::float8
         WHEN o.state IN ('open', 'paid') THEN 3600 ELSE 86400 END)
  FROM (SELECT id FROM orders WHERE ask_at <= now() AND gateway = ANY(:gateways::text[]) AND mode = :mode
         ORDER BY ask_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS due
 WHERE o.id = due.id
RETURNING o.*;

-- name: claim_one
-- The same for one order whose page somebody looks at; no row where it was asked about within two seconds.
UPDATE orders SET ask_at = clock_timestamp() + make_interval(secs => :soon::float8)
 WHERE id = :id AND state IN ('open', 'expired', 'paid') AND gateway_id IS NOT NULL
   AND (ask_at IS NULL OR ask_at < clock_timestamp() + make_interval(secs => :soon::float8 - least(2, :soon::float8 / 4)))
RETURNING *;

-- name: make_due
-- The gateway is asked about an order with the next round: it has reported something.
UPDATE orders SET ask_at = clock_timestamp() WHERE id = :id;

-- name: mark_paid
-- Money is there.
UPDATE orders SET state = 'paid', payment_id = :payment_id, paid_at = coalesce(paid_at, clock_timestamp()),
       ask_at = coalesce(ask_at, clock_timestamp())
 WHERE id = :id AND state IN ('open', 'expired')
RETURNING *;

-- name: mark_expired
-- The gateway takes no money for it any more. A payment that had failed may be there later: it is asked once a day for a while.
UPDATE orders SET state = 'expired', ask_at = clock_timestamp() + interval '1 day' WHERE id = :id AND state = 'open';

-- name: lock_receipts
-- Numbers receipts one after the other until COMMIT, so that none is left out.
SELECT pg_advisory_xact_lock(hashtextextended('receipts', 0));

-- name: mark_fulfilled
-- What was paid for is granted. From then on the gateway is asked once a day whether money went back.
UPDATE orders
   SET state = 'fulfilled', purchase_id = :purchase_id, granted_session_id = :session_id, fulfilled_at = clock_timestamp(),
       receipt_number = (SELECT coalesce(max(receipt_number), 0) + 1 FROM orders AS sold WHERE sold.mode = orders.mode),
       ask_at = clock_timestamp() + interval '1 day'
 WHERE id = :id AND state = 'paid'
RETURNING *;

-- name: mark_refund_asked
-- So much of it shall have gone back in all, once the gateway confirms it.
UPDATE orders SET refund_asked = :refunded, refund_asked_at = clock_timestamp() WHERE id = :id;

-- name: mark_refunded
-- What of it went back in all. For a while the gateway is asked once a day whether it has arrived.
UPDATE orders
   SET refunded = :refunded, refunded_at = clock_timestamp(),
       state = CASE WHEN :refunded::bigint >= amount THEN 'refunded' ELSE state END,
       ask_at = CASE WHEN :refunded::bigint >= amount THEN clock_timestamp() + interval '1 day' ELSE ask_at END
 WHERE id = :id AND refunded < :refunded::bigint
RETURNING *;

-- name: mark_disputed
-- The bank was asked to take the money back.
UPDATE orders SET disputed = true WHERE id = :id AND NOT disputed RETURNING id;

-- name: rest
-- Orders of long ago are asked about no more, and those that nobody has paid within a week. A bank may take months to decide on a
-- dispute, and a month to send back what it cannot pay out.
UPDATE orders SET ask_at = NULL
 WHERE ask_at IS NOT NULL
   AND created_at < clock_timestamp() - CASE WHEN state = 'expired' THEN interval '7 days'
                                                     WHEN disputed THEN interval '300 days'
                                                     WHEN state = 'refunded' THEN interval '0' ELSE interval '120 days' END
   AND (refunded_at IS NULL OR refunded_at < clock_timestamp() - interval '45 days');

-- name: list_unconfirmed_refunds
-- Refunds that were asked for a day ago, and which no gateway has confirmed: whatever was lost on the way, they are listed once.
INSERT INTO payment_events (id, gateway, outcome, order_id)
SELECT gen_random_uuid(), gateway, 'refund-unconfirmed', id FROM orders o
 WHERE refund_asked > refunded AND refund_asked_at < now() - interval '1 day'
   AND NOT EXISTS (SELECT FROM payment_events e WHERE e.order_id = o.id AND e.outcome = 'refund-unconfirmed');

-- name: refunds_at_large
-- The refunds that were found not to have arrived, or not to be confirmed, within so many seconds.
SELECT order_id, gateway, outcome FROM payment_events
 WHERE at > now() - make_interval(secs => :seconds::float8) AND outcome IN ('refund-failed', 'refund-unconfirmed')
 ORDER BY at DESC LIMIT :limit;

-- name: add_event
-- What a gateway reported; what was refused of one order once.
INSERT INTO payment_events (id, gateway, outcome, order_id, details)
SELECT :id, :gateway, :outcome, :order_id, :details
 WHERE :outcome::text = 'accepted' OR :order_id::uuid IS NULL
    OR NOT EXISTS (SELECT FROM payment_events WHERE order_id = :order_id::uuid AND outcome = :outcome::text);

-- name: count_event
-- Reports of no order: one row an hour, with how many there were.
INSERT INTO payment_events (id, gateway, outcome, hour, count)
VALUES (:id, :gateway, :outcome, date_trunc('hour', clock_timestamp()), :times)
ON CONFLICT (gateway, outcome, hour) WHERE hour IS NOT NULL
   DO UPDATE SET count = payment_events.count + excluded.count, at = clock_timestamp();

-- name: events
-- The newest reports that need the operator's eye.
SELECT * FROM payment_events WHERE outcome <> 'accepted' ORDER BY at DESC LIMIT :limit;

-- name: last_event
-- When an order was last paid at a gateway, and when its newest signed report came.
SELECT (SELECT max(paid_at) FROM orders WHERE gateway = :gateway) AS paid_at,
       (SELECT max(at) FROM payment_events WHERE gateway = :gateway AND outcome = 'accepted') AS reported_at;

-- name: sweep_events
-- Deletes reports of a quarter ago.
DELETE FROM payment_events WHERE at < now() - interval '90 days';

-- name: export
-- A page of a user's orders, for the export.
SELECT id, gateway, mode, plan ->> 'name' AS plan, amount, currency, state, refunded, receipt_number, session_id, created_at, paid_at
  FROM orders WHERE user_id = :user_id AND id > :after ORDER BY id LIMIT :limit;

-- name: purchases_without_order
-- Purchases at a gateway of which no order knows.
SELECT p.id AS purchase_id, p.checkout, p.reference FROM purchases p
 WHERE p.checkout IN ('stripe', 'razorpay') AND NOT EXISTS (SELECT FROM orders o WHERE o.purchase_id = p.id);

-- name: orders_without_purchase
-- Fulfilled orders without a line in the books, or with one of another amount.
SELECT o.id AS order_id, o.amount, o.currency, e.amount AS booked FROM orders o
  LEFT JOIN revenue_entries e ON e.purchase_id = o.purchase_id AND e.kind = 'purchase'
 WHERE o.purchase_id IS NOT NULL
   AND (e.id IS NULL OR e.currency <> o.currency OR e.amount <> (o.plan -> 'price' ->> 'amount')::numeric);

-- name: refunds_unbooked
-- Orders of which the gateway gave back something else than the books say.
SELECT o.id AS order_id, o.amount, o.refunded, o.currency FROM orders o
 WHERE o.purchase_id IS NOT NULL
   AND abs(o.refunded::numeric / o.amount * (o.plan -> 'price' ->> 'amount')::numeric
           + coalesce((SELECT sum(e.amount) FROM revenue_entries e
                        WHERE e.purchase_id = o.purchase_id AND e.kind = 'refund'), 0)) > 0.005;

-- name: paid_for_nothing
-- Money that is there for more than an hour without anything granted or given back.
SELECT id AS order_id, amount, currency, paid_at FROM orders
 WHERE state = 'paid' AND refunded < amount AND paid_at < clock_timestamp() - interval '1 hour';

-- name: bring_forward
-- After the clock was set back by so many seconds: when a payment service is asked next.
UPDATE orders SET ask_at = ask_at - make_interval(secs => :seconds::float8) WHERE ask_at > clock_timestamp();
