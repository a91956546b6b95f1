-- Replies of the assistant as they were asked of a model: how long they took, what was read and written, and what that cost. They
-- name no person and no session, so that nothing has to be taken out of them.
CREATE TABLE reply_calls (
  id          uuid PRIMARY KEY,
  ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  plan_id     text,
  provider    text NOT NULL,
  model       text NOT NULL,
  outcome     text NOT NULL CHECK (outcome IN ('done', 'failed', 'stopped')),
  error_code  text,
  -- Seconds from the request to the first text (NULL: there was none), and to the end.
  first_token double precision,
  seconds     double precision NOT NULL,
  tokens_in   bigint NOT NULL,
  tokens_out  bigint NOT NULL,
  cost        numeric(24, 12),
  currency    text,
  price_id    uuid
);
CREATE INDEX reply_calls_ended ON reply_calls (ended_at);

ALTER TABLE reply_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE reply_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON reply_calls TO chatserver_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON reply_calls TO chatserver_worker;

-- What was paid for in some pieces of time, as of `attempts_in`: calls for pictures and clips, and replies, which are read from their
-- rows. `done` counts what was made: a reply is none of it.
CREATE FUNCTION costs_in(grains integer[], starts timestamptz[], stops timestamptz[], labels text[])
RETURNS TABLE (label text, plan_id text, provider text, model text, kind text, currency text, cost numeric, calls bigint,
               priced bigint, done bigint)
LANGUAGE sql STABLE AS $$
  SELECT a.label, a.plan_id, a.provider, a.model, a.kind, a.currency, a.cost, a.calls, a.priced,
         CASE WHEN a.outcome = 'done' THEN a.calls ELSE 0 END
    FROM attempts_in(grains, starts, stops, labels) AS a
   UNION ALL
  SELECT p.label, r.plan_id, r.provider, r.model, 'reply', r.currency, coalesce(r.cost, 0), 1,
         (r.cost IS NOT NULL)::integer, 0
    FROM unnest(starts, stops, labels) AS p (start, stop, label)
   CROSS JOIN LATERAL (SELECT * FROM reply_calls i WHERE i.ended_at >= p.start AND i.ended_at < p.stop OFFSET 0) AS r
$$;
