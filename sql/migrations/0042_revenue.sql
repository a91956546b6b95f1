-- What was paid and given back, by plan and without a person: it outlives the purchases of a deleted account. Only ever added to.
CREATE TABLE revenue_entries (
  id          uuid PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('purchase', 'refund')),
  purchase_id uuid NOT NULL,
  plan_id     text NOT NULL,
  checkout    text NOT NULL,
  -- Of a refund below 0.
  amount      numeric(12, 2) NOT NULL CHECK ((kind = 'refund') = (amount < 0)),
  currency    text NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX revenue_entries_purchase ON revenue_entries (purchase_id) WHERE kind = 'purchase';
CREATE INDEX revenue_entries_refunds ON revenue_entries (purchase_id) WHERE kind = 'refund';
CREATE INDEX revenue_entries_at ON revenue_entries (at);

-- What a subscription or a machine of one's own would cost a month, to compare with; the newest of each counts.
CREATE TABLE flat_prices (
  id         uuid PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('subscription', 'machine')),
  -- NULL: it is not to be compared with any more.
  amount     numeric(12, 2) CHECK (amount > 0),
  currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX flat_prices_newest ON flat_prices (kind, id DESC);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['revenue_entries', 'flat_prices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO chatserver_worker', name);
  END LOOP;
END $$;

INSERT INTO revenue_entries (id, kind, purchase_id, plan_id, checkout, amount, currency, at)
SELECT id, 'purchase', id, plan_id, checkout, amount, currency, created_at FROM purchases;

-- Runs as the role that sells, which may add.
CREATE FUNCTION keep_revenue() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO revenue_entries (id, kind, purchase_id, plan_id, checkout, amount, currency, at)
  VALUES (NEW.id, 'purchase', NEW.id, NEW.plan_id, NEW.checkout, NEW.amount, NEW.currency, NEW.created_at);
  RETURN NULL;
END $$;
CREATE TRIGGER purchases_revenue AFTER INSERT ON purchases FOR EACH ROW EXECUTE FUNCTION keep_revenue();
