-- What providers charge, and what their currencies are worth in that of the plans. Both are only ever added to: a new row
-- supersedes an older one from its `valid_from` on, and what was reckoned with the older one stays.
CREATE TABLE prices (
  id         uuid PRIMARY KEY,
  provider   text NOT NULL CHECK (length(provider) BETWEEN 1 AND 60),
  -- Empty: every model of the provider that has no price of its own.
  model      text NOT NULL DEFAULT '' CHECK (length(model) <= 200),
  kind       text NOT NULL CHECK (kind IN ('image', 'video', 'reply')),
  unit       text NOT NULL,
  amount     numeric(24, 12) NOT NULL CHECK (amount >= 0),
  currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  valid_from timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((kind, unit) IN (('image', 'picture'), ('image', 'megapixel'), ('image', 'second'), ('video', 'picture'),
                          ('video', 'second'), ('reply', 'token')))
);
CREATE INDEX prices_in_effect ON prices (provider, kind, model, valid_from DESC, id DESC);

CREATE TABLE exchange_rates (
  id         uuid PRIMARY KEY,
  currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  base       text NOT NULL CHECK (base ~ '^[A-Z]{3}$' AND base <> currency),
  -- So many units of `base` for one of `currency`.
  rate       numeric(24, 12) NOT NULL CHECK (rate > 0),
  valid_from timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX exchange_rates_in_effect ON exchange_rates (base, currency, valid_from DESC, id DESC);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['prices', 'exchange_rates'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO chatserver_worker', name);
  END LOOP;
END $$;
