-- E-mail that waits to be sent.

-- name: add
-- One more to send.
INSERT INTO mail_queue (id, kind, address) VALUES (:id, :kind, :address);

-- name: add_words
-- One more to send, with what it tells.
INSERT INTO mail_queue (id, kind, address, words) VALUES (:id, :kind, :address, :words);

-- name: raise_alarm
-- Queues an alarm, unless one of its kind was raised less than `pause` seconds ago.
WITH raised AS (
  INSERT INTO alarms AS a (kind) VALUES (:kind)
  ON CONFLICT (kind) DO UPDATE SET raised_at = clock_timestamp()
     WHERE a.raised_at <= clock_timestamp() - make_interval(secs => :pause::float8)
  RETURNING 1)
INSERT INTO mail_queue (id, kind, address, words) SELECT :id::uuid, 'alarm', :address, :words FROM raised RETURNING id;

-- name: claim
-- Takes the next one that is due; the same one is due again after a pause that doubles, unless it was sent.
UPDATE mail_queue
   SET attempts = attempts + 1,
       next_at = clock_timestamp() + make_interval(secs => :first_pause::float8 * power(2, least(attempts, 10)))
 WHERE id = (SELECT id FROM mail_queue WHERE next_at <= clock_timestamp()
              ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, address, words, attempts, created_at < clock_timestamp() - make_interval(
            secs => CASE WHEN kind = 'payment' THEN :patient::float8 ELSE :longest::float8 END) AS is_old;

-- name: sweep
-- Deletes what should have been given up an hour ago, as where nobody sends any more.
DELETE FROM mail_queue WHERE created_at < clock_timestamp() - interval '1 hour' - make_interval(
            secs => CASE WHEN kind = 'payment' THEN :patient::float8 ELSE :longest::float8 END);

-- name: remove
-- Sent, or given up.
DELETE FROM mail_queue WHERE id = :id;

-- name: bring_forward
-- After the clock was set back by so many seconds: when each is tried next.
UPDATE mail_queue SET next_at = next_at - make_interval(secs => :seconds::float8) WHERE next_at > clock_timestamp();
