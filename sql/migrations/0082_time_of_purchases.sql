-- When the time ends that a purchase paid for, on its session's clock: a refund ends what is left of that, and the time of
-- others stays. Purchases of a session follow each other: each begins where the one before ends, or when it was bought, where
-- that is later. Presents of before are unknown, so that a refund rather takes too little. NULL: the session is over, or an
-- older version sold it.
ALTER TABLE purchases ADD COLUMN ends_at timestamptz;
SET LOCAL ROLE chatserver_worker;
WITH sold AS (
  SELECT p.id, p.session_id, p.created_at,
         make_interval(mins => coalesce((o.plan ->> 'minutes')::integer, c.minutes, s.minutes)) AS time
    FROM purchases p JOIN session_config s ON s.id = p.plan_id
    JOIN user_sessions u ON u.id = p.session_id AND u.expires_at > now()
    LEFT JOIN orders o ON o.purchase_id = p.id
    LEFT JOIN codes c ON p.checkout = 'codes' AND p.reference = 'code ' || c.id
   WHERE NOT p.taken_back
), summed AS (
  SELECT *, sum(time) OVER (PARTITION BY session_id ORDER BY created_at, id) AS total FROM sold
)
UPDATE purchases p SET ends_at = placed.ends_at
  FROM (SELECT id, total + max(created_at - (total - time)) OVER (PARTITION BY session_id ORDER BY created_at, id) AS ends_at
          FROM summed) AS placed
 WHERE placed.id = p.id;
RESET ROLE;
