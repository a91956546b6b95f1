-- Messages: the stream of a session in its current state.

-- name: enter_session
-- The beginning of a command that adds a message: membership, locks, the message that this person already made with this
-- client_id, and otherwise the moment counted in a budget of theirs (`counted`); with a `credit_kind`, what decides on a generation.
SELECT * FROM enter_session(:session_id, :client_id, :budget, :most, :seconds, :credit_kind);

-- name: say_at_once
-- A message, and a place for its reply where one is due, in a transaction of its own; no row where it takes the verb.
SELECT * FROM say_at_once(:user_id, :session_id, :message_id, :client_id, :request_hash, :text, :html, :reply_id, :calls,
                          :most, :seconds, :most_replies, :seconds_of_replies);

-- name: insert
-- A new message, with the stream's next seq: the session's row is locked first, as everywhere.
WITH stream AS (
  UPDATE user_sessions
     SET seq = seq + 1, messages_count = messages_count + 1,
         newest_message_id = greatest(newest_message_id, :id::uuid)
   WHERE id = :session_id::uuid
  RETURNING seq
)
INSERT INTO messages (id, session_id, user_id, author_kind, author_name, author_role, author_hue, kind, text, html, status,
                      client_id, request_hash, reply_to, asked_by, place, replaces, version, versions, seq)
SELECT :id::uuid, :session_id::uuid, :user_id::uuid, :author_kind, :author_name, :author_role, :author_hue::smallint, :kind,
       :text, :html, :status, :client_id, :request_hash::bytea, :reply_to::uuid, :asked_by::uuid, :place::uuid,
       :replaces::uuid, :version::smallint, :version::smallint, seq FROM stream
RETURNING *;

-- name: touch
-- Gives a changed message the stream's next seq. The session's row is locked first, as everywhere.
WITH stream AS (
  UPDATE user_sessions SET seq = seq + 1 WHERE id = (SELECT session_id FROM messages WHERE id = :message_id)
  RETURNING seq
)
UPDATE messages m SET seq = stream.seq FROM stream WHERE m.id = :message_id RETURNING m.*;

-- name: owners
-- Who owns these sessions.
SELECT id, user_id FROM user_sessions WHERE id = ANY(:session_ids::uuid[]);

-- name: find
-- One message.
SELECT * FROM messages WHERE id = :message_id;

-- name: sent_as
-- The message that this transaction's user sent with this client_id.
SELECT id FROM messages WHERE session_id = :session_id AND user_id = app_user_id() AND client_id = :client_id;

-- Pages are bounded in bytes too: `bytes` is about what a message takes when it is sent (its text, its HTML, its
-- generations as they are drawn), `found` how many there were before those past the bound were left out. The first is
-- always there. The lengths of long texts are read without the texts.

-- name: changes
-- The messages of a session that changed after a number, and before one where it is given, in the order of their changes.
WITH page AS (
  SELECT m.*, 400 + octet_length(text) + octet_length(html) + CASE WHEN kind = 'text' THEN 0 ELSE
         (SELECT 4500 * count(*) + coalesce(sum(8 * octet_length(g.prompt)), 0) FROM generations g
           WHERE g.message_id = m.id) END AS bytes
    FROM messages m WHERE session_id = :session_id AND seq > :after AND (:before::bigint IS NULL OR seq < :before)
   ORDER BY seq LIMIT :limit
), counted AS (
  SELECT page.*, count(*) OVER () AS found, sum(bytes) OVER (ORDER BY seq) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < :most_bytes::bigint ORDER BY seq;

-- name: changes_of
-- The same for several sessions and numbers at once; `part` counts the pairs.
SELECT w.part, page.*
  FROM unnest(:session_ids::uuid[], :afters::bigint[]) WITH ORDINALITY AS w(session_id, after, part),
       LATERAL (
         WITH page AS (
           SELECT m.*, 400 + octet_length(text) + octet_length(html) + CASE WHEN kind = 'text' THEN 0 ELSE
                  (SELECT 4500 * count(*) + coalesce(sum(8 * octet_length(g.prompt)), 0) FROM generations g
                    WHERE g.message_id = m.id) END AS bytes
             FROM messages m WHERE m.session_id = w.session_id AND m.seq > w.after ORDER BY seq LIMIT :limit
         ), counted AS (
           SELECT page.*, sum(bytes) OVER (ORDER BY seq) - bytes AS bytes_before FROM page
         )
         SELECT * FROM counted WHERE bytes_before < :most_bytes::bigint
       ) AS page
 ORDER BY w.part, page.seq;

-- name: newest
-- The messages of a session that changed last, before a number where one is given; the newest change first.
WITH page AS (
  SELECT m.*, 400 + octet_length(text) + octet_length(html) + CASE WHEN kind = 'text' THEN 0 ELSE
         (SELECT 4500 * count(*) + coalesce(sum(8 * octet_length(g.prompt)), 0) FROM generations g
           WHERE g.message_id = m.id) END AS bytes
    FROM messages m WHERE session_id = :session_id AND (:before::bigint IS NULL OR seq < :before)
   ORDER BY seq DESC LIMIT :limit
), counted AS (
  SELECT page.*, count(*) OVER () AS found, sum(bytes) OVER (ORDER BY seq DESC) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < :most_bytes::bigint ORDER BY seq DESC;

-- name: shown_before
-- The last messages of a session as its page shows them, before one where one is given; the newest first.
WITH page AS (
  SELECT m.*, 400 + octet_length(text) + octet_length(html) + CASE WHEN kind = 'text' THEN 0 ELSE
         (SELECT 4500 * count(*) + coalesce(sum(8 * octet_length(g.prompt)), 0) FROM generations g
           WHERE g.message_id = m.id) END AS bytes
    FROM messages m WHERE session_id = :session_id AND NOT hidden
     AND (:before::uuid IS NULL OR (coalesce(place, id), id) < (SELECT coalesce(place, id), id FROM messages WHERE id = :before))
   ORDER BY coalesce(place, id) DESC, id DESC LIMIT :limit
), counted AS (
  SELECT page.*, count(*) OVER () AS found,
         sum(bytes) OVER (ORDER BY coalesce(place, id) DESC, id DESC) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < :most_bytes::bigint ORDER BY coalesce(place, id) DESC, id DESC;

-- name: beginning
-- Where the page of the newest messages begins, and whether there are others before it, without reading one of them.
WITH page AS (
  SELECT seq, 400 + octet_length(text) + octet_length(html) + CASE WHEN kind = 'text' THEN 0 ELSE
         (SELECT 4500 * count(*) + coalesce(sum(8 * octet_length(g.prompt)), 0) FROM generations g
           WHERE g.message_id = m.id) END AS bytes
    FROM messages m WHERE session_id = :session_id ORDER BY seq DESC LIMIT :limit + 1
), counted AS (
  SELECT seq, row_number() OVER newest_first AS number, count(*) OVER () AS found,
         sum(bytes) OVER newest_first - bytes AS bytes_before
    FROM page WINDOW newest_first AS (ORDER BY seq DESC)
)
SELECT min(seq) AS seq, count(*) < max(found) AS more FROM counted
 WHERE bytes_before < :most_bytes::bigint AND number <= :limit;

-- name: generations_of
-- The generations of these messages, in their order, with whether each one's credit came back.
SELECT g.*, EXISTS (SELECT 1 FROM credit_entries e WHERE e.generation_id = g.id AND e.action = 'release')
         AS credit_returned,
       extract(epoch FROM g.eta_at - clock_timestamp())::float8 AS eta_seconds
  FROM generations g WHERE g.message_id = ANY(:message_ids::uuid[]) ORDER BY g.message_id, g.number;

-- name: search
-- Messages and prompts of this transaction's user that have all of these words, the newest first: among the newest 2,000, and
-- those of them that come within so many bytes.
SELECT m.id, m.session_id, m.kind, m.text, m.created_at, s.title
  FROM (SELECT * FROM (
          SELECT n.*, sum(octet_length(n.text)) OVER (ORDER BY n.id DESC) - octet_length(n.text) AS bytes_before
            FROM (SELECT o.id, o.session_id, o.kind, o.text, o.created_at FROM messages o
                   WHERE o.user_id = app_user_id() AND o.status <> 'deleted' AND NOT o.hidden ORDER BY o.id DESC
                   LIMIT 2000) AS n) AS counted
         WHERE bytes_before < :most_bytes::bigint OFFSET 0) AS m
  JOIN user_sessions s ON s.id = m.session_id
 WHERE m.text ~* ALL(:patterns::text[])
 ORDER BY m.id DESC LIMIT :limit;

-- Versions of a message share a place in the stream; all but one are hidden.

-- name: versions_of
-- All versions of a message, by the id of the first, in the order of their numbers.
SELECT * FROM messages WHERE id = :message_id OR replaces = :message_id ORDER BY version;

-- name: replies_to
-- The assistant's replies to these messages, in the order in which they were asked for.
SELECT * FROM messages WHERE reply_to = ANY(:message_ids::uuid[]) AND author_kind = 'assistant' ORDER BY id;

-- name: count_versions
-- Stores how many versions a message has, in each of them.
UPDATE messages SET versions = :versions WHERE id = :message_id OR replaces = :message_id;

-- name: set_hidden
-- Hides or shows one version; no row where it is so already.
UPDATE messages SET hidden = :hidden WHERE id = :message_id AND hidden <> :hidden RETURNING id;

-- name: hidden_replies_of
-- The replies to any version of a message that are not shown.
SELECT r.id FROM messages r JOIN messages m ON m.id = r.reply_to
 WHERE (m.id = :message_id OR m.replaces = :message_id) AND r.author_kind = 'assistant' AND r.hidden ORDER BY r.id;

-- Deletion, as the worker role: an author who has left, or whose session has expired, may still delete.

-- name: rights
-- A user's relation to a message: its author, its session's owner, or a member who only sees it. No row for others.
SELECT m.id, m.session_id, m.kind, m.status, m.text, m.replaces, coalesce(m.user_id = u.id, false) AS wrote, s.user_id = u.id AS owns
  FROM messages m
  JOIN user_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
  JOIN users u ON u.id = :viewer_id AND u.status = 'active'
 WHERE m.id = :message_id
   AND (m.user_id = u.id OR s.user_id = u.id
        OR EXISTS (SELECT 1 FROM session_members o WHERE o.session_id = s.id AND o.user_id = u.id AND o.left_at IS NULL));

-- name: erase
-- Empties a message; its row stays in the stream. No row where it is empty already.
UPDATE messages
   SET status = 'deleted', text = '', html = '', closed = 0, open_html = '', shown = 0, request_hash = NULL,
       stop_at = NULL, lease_until = NULL, worker_id = NULL
 WHERE id = :message_id AND status <> 'deleted'
RETURNING id;

-- name: erase_replies
-- Empties the reply that is being written to a message.
UPDATE messages
   SET status = 'deleted', text = '', html = '', closed = 0, open_html = '', shown = 0, request_hash = NULL,
       stop_at = NULL, lease_until = NULL, worker_id = NULL
 WHERE reply_to = :message_id AND status = 'streaming'
RETURNING id;

-- Hidden by an operator: the words leave the row, so that nothing can show them, until the message is shown again.

-- name: keep_words
-- Keeps the words of a message that is to be hidden.
INSERT INTO withheld_texts (message_id, text, html)
SELECT id, text, html FROM messages WHERE id = :message_id;

-- name: withhold
-- Hides a message; a reply that is being written ends. No row where it is hidden or deleted already.
UPDATE messages
   SET withheld = :reason, text = '', html = '', closed = 0, open_html = '', shown = 0, stop_at = NULL, lease_until = NULL,
       worker_id = NULL, asked_by = NULL, status = CASE WHEN status = 'streaming' THEN 'done' ELSE status END
 WHERE id = :message_id AND withheld IS NULL AND status <> 'deleted'
RETURNING id;

-- name: show_again
-- Shows a hidden message again; no row where it is not hidden.
UPDATE messages m SET withheld = NULL, text = w.text, html = w.html
  FROM withheld_texts w WHERE m.id = :message_id AND m.withheld IS NOT NULL AND m.status <> 'deleted' AND w.message_id = m.id
RETURNING m.id;

-- name: forget_words
-- Forgets the words that were kept of a message.
DELETE FROM withheld_texts WHERE message_id = :message_id;

-- The assistant's replies are jobs: claimed under a lease, fenced by the attempt.

-- name: lock_replies
-- Locks until the end of the transaction: one transaction at a time counts a user's running replies and adds one.
SELECT pg_advisory_xact_lock(hashtextextended('chatserver.replies', 0));

-- name: claim_reply
-- Takes the next reply that nobody writes, or whose writer is gone: of the person with the fewest under way, then of the
-- session with the fewest, then the oldest; nobody and no session has more under way than allowed (0: as many as come).
WITH RECURSIVE lines (person, session_id) AS (
  (SELECT coalesce(asked_by, session_id), session_id FROM messages WHERE status = 'streaming'
    ORDER BY coalesce(asked_by, session_id), session_id LIMIT 1)
  UNION ALL
  SELECT n.person, n.session_id
    FROM lines l
   CROSS JOIN LATERAL (
     SELECT coalesce(m.asked_by, m.session_id) AS person, m.session_id FROM messages m
      WHERE m.status = 'streaming' AND (coalesce(m.asked_by, m.session_id), m.session_id) > (l.person, l.session_id)
      ORDER BY coalesce(m.asked_by, m.session_id), m.session_id LIMIT 1) n
), writing AS MATERIALIZED (
  SELECT coalesce(asked_by, session_id) AS person, session_id
    FROM messages WHERE lease_until >= clock_timestamp() AND status = 'streaming'
), waiting AS MATERIALIZED (
  SELECT f.id, (SELECT count(*) FROM writing w WHERE w.person = l.person) AS of_person,
         (SELECT count(*) FROM writing w WHERE w.session_id = l.session_id) AS of_session
    FROM lines l
   CROSS JOIN LATERAL (
     SELECT m.id FROM messages m
      WHERE m.status = 'streaming' AND coalesce(m.asked_by, m.session_id) = l.person AND m.session_id = l.session_id
        AND (m.lease_until IS NULL OR m.lease_until < clock_timestamp())
      ORDER BY m.id LIMIT 1) f
)
UPDATE messages
   SET attempt = attempt + 1, worker_id = :worker_id,
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
 WHERE id = (SELECT m.id FROM messages m JOIN waiting w USING (id)
              WHERE m.status = 'streaming' AND (m.lease_until IS NULL OR m.lease_until < clock_timestamp())
                AND (:at_once::integer = 0 OR w.of_person < :at_once)
                AND (:at_once_in_session::integer = 0 OR w.of_session < :at_once_in_session)
              ORDER BY w.of_person, w.of_session, m.id LIMIT 1 FOR UPDATE OF m SKIP LOCKED)
RETURNING id, session_id, attempt, text, stop_at IS NOT NULL AS stopped,
          (SELECT p.chat_model FROM user_sessions s JOIN session_config p ON p.id = s.plan_id
            WHERE s.id = messages.session_id) AS model,
          coalesce((SELECT u.role = 'admin' FROM users u WHERE u.id = messages.asked_by), false) AS for_admin;

-- name: save_reply
-- Stores the text so far, under the fence; no row means that the lease is lost.
UPDATE messages
   SET text = :text, html = :html, closed = :closed, open_html = :open_html, shown = :shown,
       seq = :seq,
       lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
 WHERE id = :message_id AND status = 'streaming' AND attempt = :attempt
RETURNING *, stop_at IS NOT NULL AS stopped;

-- name: renew_reply
-- Extends the lease of a reply; returns whether a user has stopped it. No row means that the lease is lost.
UPDATE messages SET lease_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
 WHERE id = :message_id AND status = 'streaming' AND attempt = :attempt
RETURNING stop_at IS NOT NULL AS stopped;

-- name: finish_reply
-- Stores the complete reply and ends it.
UPDATE messages
   SET text = :text, html = :html, closed = 0, open_html = '', shown = 0, status = :status, seq = :seq,
       lease_until = NULL, worker_id = NULL, asked_by = NULL
 WHERE id = :message_id AND status = 'streaming' AND attempt = :attempt
RETURNING *;

-- name: give_back_reply
-- Releases a reply at the shutdown of its worker, to be written from the start; no row means that the lease was lost.
UPDATE messages SET lease_until = NULL, worker_id = NULL, text = '', html = '', closed = 0, open_html = '', shown = 0
 WHERE id = :message_id AND status = 'streaming' AND attempt = :attempt
RETURNING id;

-- name: stop_reply
-- A user stops a reply; no row where it has ended or is stopped already.
UPDATE messages SET stop_at = clock_timestamp()
 WHERE id = :message_id AND status = 'streaming' AND stop_at IS NULL RETURNING id;

-- name: conversation
-- The last texts that are shown before a reply, the newest first.
SELECT m.author_kind, m.author_name, m.kind, m.text
  FROM messages m, (SELECT coalesce(place, id) AS place, id FROM messages WHERE id = :before_id) AS reply
 WHERE m.session_id = :session_id AND (coalesce(m.place, m.id), m.id) < (reply.place, reply.id)
   AND m.status = 'done' AND m.text <> '' AND NOT m.hidden
 ORDER BY coalesce(m.place, m.id) DESC, m.id DESC LIMIT :limit;

-- name: end_replies_of_session
-- Ends and empties the replies being written in a session.
UPDATE messages
   SET status = 'deleted', text = '', html = '', closed = 0, open_html = '', shown = 0, lease_until = NULL, worker_id = NULL
 WHERE session_id = :session_id AND status = 'streaming'
RETURNING id;

-- name: remove_of_session
-- Removes a batch of a session's messages, with their generations.
DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE session_id = :session_id LIMIT :limit) RETURNING id;

-- name: disown
-- Removes the name from a user's messages in sessions of others and empties those that showed pictures. Each changed message
-- takes the next seq of its session, so that every reader gets it.
WITH changed AS (
  SELECT m.id, m.session_id, row_number() OVER (PARTITION BY m.session_id ORDER BY m.seq) AS place
    FROM messages m JOIN user_sessions s ON s.id = m.session_id
   WHERE m.user_id = :user_id AND s.user_id <> :user_id
), advanced AS (
  UPDATE user_sessions s SET seq = s.seq + c.number
    FROM (SELECT session_id, count(*) AS number FROM changed GROUP BY session_id) c
   WHERE s.id = c.session_id RETURNING s.id, s.seq - c.number AS base
)
UPDATE messages m
   SET user_id = NULL, author_name = :name, seq = a.base + c.place,
       text = CASE WHEN m.kind = 'text' THEN m.text ELSE '' END,
       html = CASE WHEN m.kind = 'text' THEN m.html ELSE '' END,
       status = CASE WHEN m.kind = 'text' THEN m.status ELSE 'deleted' END
  FROM changed c JOIN advanced a ON a.id = c.session_id
 WHERE m.id = c.id;

-- name: export
-- A page of a user's messages, for the export.
SELECT m.id, m.session_id, m.kind, coalesce(w.text, m.text) AS text, m.status, m.created_at, m.replaces, m.version, m.hidden,
       m.withheld
  FROM messages m LEFT JOIN withheld_texts w ON w.message_id = m.id
 WHERE m.user_id = :user_id AND m.id > :after ORDER BY m.id LIMIT :limit;

-- name: bring_forward
-- After the clock was set back by so many seconds: leases of replies that are longer than any.
UPDATE messages SET lease_until = lease_until - make_interval(secs => :seconds::float8)
 WHERE status = 'streaming' AND lease_until > clock_timestamp() + interval '5 minutes';
