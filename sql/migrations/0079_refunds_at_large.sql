-- A refund that was asked for is looked for until the payment service confirms it, and for a while after: one that did not arrive
-- was found by the service's report alone. `refund_asked` is how much of the order shall have gone back in all.
ALTER TABLE orders ADD COLUMN refund_asked bigint, ADD COLUMN refund_asked_at timestamptz, ADD COLUMN refunded_at timestamptz;
CREATE INDEX orders_refund_asked ON orders (refund_asked_at) WHERE refund_asked > refunded;
