-- What people order from a payment gateway, written before they are sent there. A row outlives the account: it is of the books.
CREATE TABLE orders (
  id                 uuid PRIMARY KEY,
  user_id            uuid REFERENCES users ON DELETE SET NULL,
  gateway            text NOT NULL CHECK (gateway IN ('stripe', 'razorpay')),
  mode               text NOT NULL CHECK (mode IN ('test', 'live')),
  -- The plan as it was sold: it may cost and give something else by the time that the money is there.
  plan               jsonb NOT NULL,
  -- In the smallest unit of the currency.
  amount             bigint NOT NULL CHECK (amount > 0),
  currency           text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  -- The session to extend; NULL: a new one.
  session_id         uuid REFERENCES user_sessions ON DELETE SET NULL,
  state              text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'expired', 'paid', 'fulfilled', 'refunded')),
  -- What the gateway calls the page of payment, the payment, and where the page is.
  gateway_id         text,
  payment_id         text,
  gateway_url        text,
  refunded           bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
  disputed           boolean NOT NULL DEFAULT false,
  -- What was granted; without a reference, as the purchase goes with the account.
  purchase_id        uuid UNIQUE,
  granted_session_id uuid REFERENCES user_sessions ON DELETE SET NULL,
  receipt_number     bigint UNIQUE,
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at         timestamptz NOT NULL,
  paid_at            timestamptz,
  fulfilled_at       timestamptz,
  -- When the gateway is asked next, which is also the lease of who asks; NULL: never.
  ask_at             timestamptz,
  UNIQUE (gateway, gateway_id),
  CHECK (state <> 'fulfilled' OR purchase_id IS NOT NULL)
);
CREATE INDEX orders_user ON orders (user_id, id DESC);
CREATE INDEX orders_ask ON orders (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX orders_paid ON orders (gateway, paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX orders_payment ON orders (gateway, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX orders_session ON orders (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX orders_granted ON orders (granted_session_id) WHERE granted_session_id IS NOT NULL;

-- What gateways reported, and what was refused. Reports that nobody signed are counted by the hour: anybody can send them.
CREATE TABLE payment_events (
  id       uuid PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  gateway  text NOT NULL,
  outcome  text NOT NULL,
  order_id uuid REFERENCES orders ON DELETE SET NULL,
  details  text NOT NULL DEFAULT '',
  hour     timestamptz,
  count    integer NOT NULL DEFAULT 1
);
CREATE INDEX payment_events_outcome ON payment_events (gateway, outcome, at DESC);
CREATE INDEX payment_events_at ON payment_events (at DESC);
CREATE INDEX payment_events_order ON payment_events (order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX payment_events_hour ON payment_events (gateway, outcome, hour) WHERE hour IS NOT NULL;

ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_events FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON orders TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON payment_events TO chatserver_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON orders FOR SELECT TO chatserver_web USING (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE ON orders TO chatserver_worker;
GRANT SELECT ON orders TO chatserver_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON payment_events TO chatserver_worker;
