-- Sessions: what was bought, with a plan, a clock, members and a stream.

-- name: insert
-- A new session, with its clock running.
INSERT INTO user_sessions (id, user_id, plan_id, title, untitled, expires_at)
VALUES (:id, :user_id, :plan_id, :title, :untitled, now() + make_interval(mins => :minutes::integer));

-- name: insert_purchase
-- One purchase of a session, whose time ends with the session's as it is now; the same reference of the same checkout is
-- stored once.
INSERT INTO purchases (id, session_id, user_id, plan_id, amount, currency, checkout, reference,
                       image_credits_per_hour, video_credits_per_hour, ends_at)
VALUES (:id, :session_id, :user_id, :plan_id, :amount, :currency, :checkout, :reference, :image, :video,
        (SELECT expires_at FROM user_sessions WHERE id = :session_id))
ON CONFLICT (checkout, reference) DO NOTHING
RETURNING id;

-- name: lock_reference
-- Serialises purchases with the same reference until COMMIT.
SELECT pg_advisory_xact_lock(hashtextextended('purchase ' || :reference::text, 0));

-- name: bought_by_reference
-- The session that a user has bought with a reference.
SELECT session_id FROM purchases WHERE user_id = :user_id AND checkout = :checkout AND reference = :reference;

-- name: extend
-- Extends a session: from now where it has expired, otherwise from its end.
UPDATE user_sessions
   SET expires_at = greatest(expires_at, now()) + make_interval(mins => :minutes::integer), status = 'active',
       plan_id = :plan_id
 WHERE id = :session_id AND user_id = :user_id AND status <> 'deleted'
RETURNING id;

-- name: prolong
-- Adds minutes to a session: from now where it has expired, otherwise from its end.
UPDATE user_sessions
   SET expires_at = greatest(expires_at, clock_timestamp()) + make_interval(mins => :minutes::integer), status = 'active'
 WHERE id = :session_id AND status <> 'deleted'
RETURNING id;

-- name: void_purchase
-- Notes that a purchase was taken back, in its session; what of its own time is not used, and when that would have ended. Where
-- that is unknown (NULL, which least() passes over), it is all of its minutes.
UPDATE purchases SET taken_back = true WHERE id = :purchase_id AND session_id = :session_id AND NOT taken_back
RETURNING ends_at, greatest(interval '0', least(make_interval(mins => :minutes::integer), ends_at - clock_timestamp())) AS unused;

-- name: bring_purchases_forward
-- Purchases whose time follows one that was taken back begin and end earlier.
UPDATE purchases SET ends_at = ends_at - :unused::interval WHERE session_id = :session_id AND ends_at > :ends_at;

-- name: shorten
-- Takes so much off a session's time, to now at most.
UPDATE user_sessions SET expires_at = greatest(clock_timestamp(), expires_at - :unused::interval)
 WHERE id = :session_id AND status <> 'deleted' AND expires_at > clock_timestamp()
RETURNING id;

-- name: rights_left
-- What the purchases of a session give that were not taken back: the plan of the largest of them, and the most credits. No row
-- where there are none, as in a session whose only purchase was taken back: its time has ended, except for a present.
SELECT (array_agg(p.plan_id ORDER BY g.image DESC, g.video DESC, p.id DESC))[1] AS plan_id, max(g.image) AS image, max(g.video) AS video
  FROM purchases p JOIN session_config c ON c.id = p.plan_id
 CROSS JOIN LATERAL (SELECT coalesce(p.image_credits_per_hour, c.image_credits_per_hour) AS image,
                            coalesce(p.video_credits_per_hour, c.video_credits_per_hour) AS video) AS g
 WHERE p.session_id = :session_id AND NOT p.taken_back
HAVING count(*) > 0;

-- name: set_plan
-- The plan by which a session goes on.
UPDATE user_sessions SET plan_id = :plan_id WHERE id = :session_id;

-- name: count_open
-- How many sessions of a user are open, and the seconds until the next of them ends.
SELECT count(*) AS used, extract(epoch FROM min(expires_at) - clock_timestamp())::float8 AS seconds
  FROM user_sessions WHERE user_id = :user_id AND expires_at > clock_timestamp();

-- name: hues_of_others
-- The colours of present and former members: messages of those who have left keep theirs.
SELECT user_id, hue FROM session_members WHERE session_id = :session_id AND user_id <> :user_id;

-- name: add_member
-- Adds a member; a guest who had left is a member again, and an owner stays one.
INSERT INTO session_members AS m (session_id, user_id, role, hue, shown_name)
VALUES (:session_id, :user_id, :role, :hue, :name)
ON CONFLICT (session_id, user_id) DO UPDATE
   SET left_at = NULL, shown_name = excluded.shown_name,
       former_names = CASE WHEN m.shown_name IS NULL OR m.shown_name = excluded.shown_name
                             OR m.shown_name = ANY(m.former_names)
                      THEN m.former_names ELSE (m.former_names || m.shown_name)[:50] END
RETURNING role;

-- name: names_of_others
-- The names that other members have, or had, in a session.
SELECT coalesce(m.shown_name, u.name) AS name
  FROM session_members m JOIN users u ON u.id = m.user_id
 WHERE m.session_id = :session_id AND m.user_id <> :user_id AND (m.shown_name IS NOT NULL OR m.role = 'owner')
UNION
SELECT unnest(m.former_names) FROM session_members m WHERE m.session_id = :session_id AND m.user_id <> :user_id;

-- name: set_shown_name
-- Sets the name of a member in a session; the previous one stays reserved for them.
UPDATE session_members
   SET former_names = CASE WHEN shown_name IS NULL OR shown_name = :name OR shown_name = ANY(former_names)
                      THEN former_names ELSE (former_names || shown_name)[:50] END,
       shown_name = :name
 WHERE session_id = :session_id AND user_id = :user_id;

-- name: account_name
-- A user's own name.
SELECT name FROM users WHERE id = :user_id;

-- name: open_memberships
-- The active sessions of which a user is a member, in the order in which sessions are locked.
SELECT m.session_id FROM session_members m JOIN user_sessions s ON s.id = m.session_id
 WHERE m.user_id = :user_id AND m.left_at IS NULL AND s.status <> 'deleted' AND s.expires_at > now()
 ORDER BY m.session_id;

-- name: with_unnamed_members
-- A batch of sessions with members from before names were checked, in the order in which sessions are locked.
SELECT DISTINCT session_id FROM session_members WHERE shown_name IS NULL ORDER BY session_id LIMIT :limit;

-- name: unnamed_members
-- Those members, the owner first, then in the order in which they joined.
SELECT m.user_id, u.name FROM session_members m JOIN users u ON u.id = m.user_id
 WHERE m.session_id = :session_id AND m.shown_name IS NULL ORDER BY m.role <> 'owner', m.joined_at, m.user_id;

-- name: find
-- One session that this transaction's user may see.
SELECT s.*, CASE WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS state
  FROM user_sessions s WHERE s.id = :session_id AND s.status <> 'deleted';

-- name: list
-- The sessions of which a user is a member, active ones first, then the newest; those that follow a session, where given.
SELECT s.*, CASE WHEN page.ended THEN 'expired' ELSE 'active' END AS state
  FROM (SELECT e.id, e.expires_at <= now() AS ended FROM joined_session_ends e
         CROSS JOIN LATERAL (SELECT coalesce((SELECT b.expires_at <= now() FROM user_sessions b WHERE b.id = :before), true)
                                    AS ended) b
         WHERE :before::uuid IS NULL
            OR ((e.expires_at <= now()) = b.ended AND e.id < :before::uuid)
            OR (e.expires_at <= now() AND NOT b.ended)
         ORDER BY e.expires_at <= now(), e.id DESC
         LIMIT :limit) page
  JOIN user_sessions s ON s.id = page.id
 ORDER BY page.ended, s.id DESC;

-- name: newest_open
-- The newest of the sessions of this transaction's user that have time left.
SELECT s.id FROM joined_session_ends e JOIN user_sessions s ON s.id = e.id AND s.user_id = app_user_id()
 WHERE e.expires_at > now() ORDER BY s.id DESC LIMIT 1;

-- name: summaries
-- For each of these users their newest sessions as a list shows them, at most `limit`: those with time left first, then the
-- newest; with `current_id` that one before all, with `session_ids` none but these. Only the newest 200 memberships and the
-- user's own sessions with time left are considered, and of each session the last 100 changes: the time does not grow.
SELECT w.user_id, s.id, s.title, CASE WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS state, s.expires_at,
       (SELECT a.placeholder FROM assets a WHERE a.session_id = s.id AND a.status = 'stored' AND a.origin = 'generation'
         ORDER BY a.id DESC LIMIT 1) AS cover,
       own.queued, own.rendering,
       (SELECT count(*) FILTER (WHERE n.status <> 'deleted' AND NOT n.hidden AND (n.user_id IS DISTINCT FROM w.user_id OR n.kind <> 'text'))
          FROM (SELECT m.user_id, m.kind, m.status, m.hidden FROM messages m
                 WHERE m.session_id = s.id AND m.seq > coalesce(
                       (SELECT r.seen_seq FROM session_reads r WHERE r.session_id = s.id AND r.user_id = w.user_id), 0)
                 ORDER BY m.seq DESC LIMIT 100) AS n) AS unread
  FROM unnest(:user_ids::uuid[]) AS w (user_id)
 CROSS JOIN LATERAL (
   SELECT u.* FROM user_sessions u
    WHERE u.status <> 'deleted' AND u.id IN (
          (SELECT m.session_id FROM session_members m
            WHERE m.user_id = w.user_id AND m.left_at IS NULL
              AND (:session_ids::uuid[] IS NULL OR m.session_id = ANY(:session_ids::uuid[]))
            ORDER BY m.session_id DESC LIMIT 200)
          UNION ALL
          (SELECT o.id FROM user_sessions o
            WHERE o.user_id = w.user_id AND o.expires_at > now() AND :session_ids::uuid[] IS NULL LIMIT 50)
          UNION ALL
          SELECT c.session_id FROM session_members c
           WHERE c.user_id = w.user_id AND c.session_id = :current_id AND c.left_at IS NULL)
    ORDER BY u.id IS DISTINCT FROM :current_id::uuid, u.expires_at <= now(), u.id DESC LIMIT :limit) s
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE g.status = 'queued') AS queued,
                            count(*) FILTER (WHERE g.status <> 'queued') AS rendering
                       FROM generations g
                      WHERE g.session_id = s.id AND g.status IN ('queued', 'model-loading', 'rendering')) AS own;

-- name: marks
-- What shows whether the list of one of these users has changed: of their newest sessions, those with time left or ended
-- within the last minute, the seq, what they have seen of it, title and end.
SELECT w.user_id, s.id, s.seq, s.title, s.expires_at, s.status,
       (SELECT r.seen_seq FROM session_reads r WHERE r.session_id = s.id AND r.user_id = w.user_id) AS seen_seq
  FROM unnest(:user_ids::uuid[]) AS w (user_id)
 CROSS JOIN LATERAL (SELECT m.session_id FROM session_members m WHERE m.user_id = w.user_id AND m.left_at IS NULL
                      ORDER BY m.session_id DESC LIMIT 200) m
  JOIN user_sessions s ON s.id = m.session_id AND s.status <> 'deleted' AND s.expires_at > now() - interval '1 minute';

-- name: mark_seen
-- This transaction's user has seen the stream up to a seq. It never goes back, nor beyond the stream's newest.
INSERT INTO session_reads AS r (session_id, user_id, seen_seq)
SELECT s.id, m.user_id, least(:seq::bigint, s.seq) FROM user_sessions s
  JOIN session_members m ON m.session_id = s.id AND m.user_id = app_user_id() AND m.left_at IS NULL
 WHERE s.id = :session_id
ON CONFLICT (session_id, user_id) DO UPDATE SET seen_seq = excluded.seen_seq WHERE r.seen_seq < excluded.seen_seq;

-- name: search_titles
-- Sessions of this transaction's user with these words in the title, the newest first, among the newest 1,000.
SELECT s.id, s.title, CASE WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS state
  FROM (SELECT m.session_id FROM session_members m WHERE m.user_id = app_user_id() AND m.left_at IS NULL
         ORDER BY m.session_id DESC LIMIT 1000) AS own
  JOIN user_sessions s ON s.id = own.session_id AND s.status <> 'deleted'
 WHERE s.title ~* ALL(:patterns::text[])
 ORDER BY s.id DESC LIMIT :limit;

-- name: covers
-- The newest pictures of each of these sessions, four at most, for their covers.
SELECT newest.session_id, newest.id, newest.filename
  FROM unnest(:session_ids::uuid[]) AS wanted (session_id),
       LATERAL (SELECT a.session_id, a.id, a.filename FROM assets a
                 WHERE a.session_id = wanted.session_id AND a.status = 'stored' AND a.origin = 'generation'
                 ORDER BY a.id DESC LIMIT 4) AS newest
 ORDER BY newest.session_id, newest.id DESC;

-- name: membership
-- The membership of this transaction's user in a session: role, plan, and whether the session is active.
SELECT * FROM my_memberships WHERE session_id = :session_id;

-- name: admitted
-- Those of these users who may open these sessions, with the sign-ins or API tokens by which they came. Needs the worker role.
SELECT w.user_id, w.credential_id, w.session_id, coalesce(m.shown_name, u.name) AS name, m.role
  FROM unnest(:user_ids::uuid[], :credential_ids::uuid[], :session_ids::uuid[]) AS w(user_id, credential_id, session_id)
  JOIN users u ON u.id = w.user_id AND u.status = 'active'
  JOIN session_members m ON m.session_id = w.session_id AND m.user_id = w.user_id AND m.left_at IS NULL
 WHERE EXISTS (SELECT FROM sign_ins i
                WHERE i.id = w.credential_id AND i.user_id = w.user_id AND i.ended_at IS NULL AND i.expires_at > now())
    OR EXISTS (SELECT FROM api_tokens t
                WHERE t.id = w.credential_id AND t.user_id = w.user_id AND t.revoked_at IS NULL);

-- name: opened
-- These sessions, with what their plans allow.
SELECT s.id, s.title, s.plan_id, s.started_at, s.expires_at, s.seq, s.user_id, s.guests_may_generate,
       CASE WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS state, p.max_size, p.max_count
  FROM user_sessions s JOIN session_config p ON p.id = s.plan_id
 WHERE s.id = ANY(:session_ids::uuid[]) AND s.status <> 'deleted';

-- name: lock
-- Locks the session's row until the end of the transaction: other writers of its stream wait here.
SELECT newest_message_id FROM user_sessions WHERE id = :session_id FOR UPDATE;

-- name: next_seq
-- The next number of the session's stream. The row lock makes commit order equal this order, without gaps.
UPDATE user_sessions SET seq = seq + 1 WHERE id = :session_id RETURNING seq;

-- name: count_generated
-- Counts a captured picture or clip.
UPDATE user_sessions
   SET images_generated = images_generated + (:kind::text = 'image')::integer,
       videos_generated = videos_generated + (:kind::text = 'video')::integer
 WHERE id = :session_id;

-- name: count_tokens
-- Adds the input and output tokens of a reply.
UPDATE user_sessions SET tokens_in = tokens_in + :tokens_in, tokens_out = tokens_out + :tokens_out
 WHERE id = :session_id;

-- name: sequences
-- The newest seq of each of these sessions.
SELECT id, seq FROM user_sessions WHERE id = ANY(:session_ids::uuid[]);

-- name: rename
-- A new title.
UPDATE user_sessions SET title = :title, untitled = false
 WHERE id = :session_id AND user_id = app_user_id() RETURNING id;

-- name: set_automatic_title
-- Sets the title of a session that has none.
UPDATE user_sessions SET title = :title, untitled = false WHERE id = :session_id AND untitled RETURNING id;

-- name: title
-- The title of a session.
SELECT title FROM user_sessions WHERE id = :session_id;

-- name: owner_texts
-- The first messages of the owner that still have a text.
SELECT m.text, m.kind <> 'text' AS prompt FROM messages m JOIN user_sessions s ON s.id = m.session_id
 WHERE m.session_id = :session_id AND m.user_id = s.user_id AND m.status <> 'deleted' AND m.text <> ''
 ORDER BY m.id LIMIT 50;

-- name: replace_title
-- Replaces a title that was made from a deleted message.
UPDATE user_sessions SET title = :title, untitled = :untitled WHERE id = :session_id;

-- name: allow_guests
-- Whether guests may generate.
UPDATE user_sessions SET guests_may_generate = :allowed WHERE id = :session_id AND user_id = app_user_id()
RETURNING id;

-- name: end_membership
-- Ends a membership.
UPDATE session_members SET left_at = now()
 WHERE session_id = :session_id AND user_id = :user_id AND role = 'guest' AND left_at IS NULL
RETURNING user_id;

-- name: record_removal
-- Records the removal of a present or former guest; no row where there never was such a guest, or it is recorded already.
INSERT INTO session_removals (session_id, user_id)
SELECT session_id, user_id FROM session_members
 WHERE session_id = :session_id AND user_id = :user_id AND role = 'guest'
ON CONFLICT DO NOTHING
RETURNING user_id;

-- name: removals
-- The guests removed from a session, the last first.
SELECT r.user_id AS id, coalesce(m.shown_name, u.name) AS name, r.removed_at
  FROM session_removals r JOIN users u ON u.id = r.user_id
  LEFT JOIN session_members m ON m.session_id = r.session_id AND m.user_id = r.user_id
 WHERE r.session_id = :session_id ORDER BY r.removed_at DESC, r.user_id;

-- name: readmit
-- Revokes a removal.
DELETE FROM session_removals WHERE session_id = :session_id AND user_id = :user_id RETURNING user_id;

-- name: was_removed
-- Whether a user was removed from a session.
SELECT EXISTS (SELECT FROM session_removals WHERE session_id = :session_id AND user_id = :user_id);

-- name: has_left
-- Whether a user is a former member of a session that still exists.
SELECT m.left_at IS NOT NULL FROM session_members m JOIN user_sessions s ON s.id = m.session_id AND s.status <> 'deleted'
 WHERE m.session_id = :session_id AND m.user_id = :user_id;

-- name: was_deleted
-- Whether a user was a member of a session when it was deleted.
SELECT EXISTS (SELECT FROM session_members m JOIN user_sessions s ON s.id = m.session_id AND s.status = 'deleted'
                WHERE m.session_id = :session_id AND m.user_id = :user_id AND m.left_at >= s.deleted_at);

-- name: insert_invite
-- A new invite, valid for a week.
INSERT INTO session_invites (id, session_id, code, created_by, expires_at)
VALUES (:id, :session_id, :code, app_user_id(), now() + interval '7 days');

-- name: current_invite
-- The owner's latest invite, where it is valid for another day.
SELECT code FROM session_invites
 WHERE session_id = :session_id AND revoked_at IS NULL AND expires_at > now() + interval '1 day'
 ORDER BY id DESC LIMIT 1;

-- name: revoke_invites
-- Revokes every invite of a session.
UPDATE session_invites SET revoked_at = now() WHERE session_id = :session_id AND revoked_at IS NULL;

-- name: invitation
-- The session of a valid invite code.
SELECT i.session_id, s.title, s.user_id AS owner_id, coalesce(m.shown_name, u.name) AS owner_name, m.hue,
       p.name AS plan_name, s.expires_at <= now() AS expired
  FROM session_invites i
  JOIN user_sessions s ON s.id = i.session_id
  JOIN users u ON u.id = i.created_by AND u.status = 'active'
  LEFT JOIN session_members m ON m.session_id = s.id AND m.user_id = u.id
  JOIN session_config p ON p.id = s.plan_id
 WHERE i.code = :code AND i.revoked_at IS NULL AND i.expires_at > now();

-- name: count_other_guests
-- How many guests a session has beside a user who joins; 0 where that user is a member already.
SELECT count(*) FROM session_members
 WHERE session_id = :session_id AND role = 'guest' AND left_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM session_members
                    WHERE session_id = :session_id AND user_id = :user_id AND left_at IS NULL);

-- name: set_active
-- After the clock was set back: sessions that were marked as expired and have time left.
UPDATE user_sessions SET status = 'active' WHERE status = 'expired' AND expires_at > clock_timestamp() RETURNING id;

-- name: expire
-- Marks sessions whose time is up as expired, and returns them.
UPDATE user_sessions SET status = 'expired'
 WHERE id IN (SELECT id FROM user_sessions WHERE status = 'active' AND expires_at <= now() LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: stats
-- The statistics of these sessions, with what all share: the median seconds of each kind, model, size and number of steps of
-- which three were made lately, those of the most usual picture, and the length of the queue.
WITH recent AS (
  SELECT kind, model, width * height AS pixels, steps, extract(epoch FROM finished_at - started_at) AS seconds
    FROM generations WHERE status = 'done' AND started_at IS NOT NULL ORDER BY finished_at DESC LIMIT 200
), usual AS (
  SELECT kind, model, pixels, steps, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::numeric, 1)::float8 AS seconds,
         row_number() OVER (ORDER BY count(*) DESC, kind, model, pixels, steps) AS place
    FROM recent GROUP BY kind, model, pixels, steps HAVING count(*) >= 3 ORDER BY place LIMIT 20
), shared AS (
  SELECT (SELECT seconds FROM usual WHERE kind = 'image' ORDER BY place LIMIT 1) AS median_seconds,
         (SELECT coalesce(jsonb_agg(to_jsonb(usual) - 'place' ORDER BY place), '[]') FROM usual) AS usual,
         (SELECT count(*) FROM generations WHERE status = 'queued') AS queue_length
)
SELECT s.id, s.messages_count, s.images_generated, s.videos_generated, s.tokens_in, s.tokens_out,
       shared.median_seconds, shared.usual, shared.queue_length, own.queued, own.rendering
  FROM user_sessions s CROSS JOIN shared
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE g.status = 'queued') AS queued,
                            count(*) FILTER (WHERE g.status <> 'queued') AS rendering
                       FROM generations g
                      WHERE g.session_id = s.id AND g.status IN ('queued', 'model-loading', 'rendering')) AS own
 WHERE s.id = ANY(:session_ids::uuid[]);

-- name: current_memberships
-- For each pair of user and session: whether the account is live, and whether the user is still a member.
SELECT w.user_id, w.session_id, u.id IS NOT NULL AS is_active, m.user_id IS NOT NULL AS is_member
  FROM unnest(:user_ids::uuid[], :session_ids::uuid[]) AS w(user_id, session_id)
  LEFT JOIN users u ON u.id = w.user_id AND u.status = 'active'
  LEFT JOIN session_members m ON m.session_id = w.session_id AND m.user_id = w.user_id AND m.left_at IS NULL;

-- name: list_recent
-- The newest sessions of all users, for the operator.
SELECT s.id, u.email, s.plan_id,
       CASE WHEN s.status = 'deleted' THEN 'deleted' WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS state,
       s.expires_at, s.images_generated, s.videos_generated, s.messages_count
  FROM user_sessions s JOIN users u ON u.id = s.user_id
 ORDER BY s.id DESC LIMIT 100;

-- name: members_of
-- The members of each of these sessions, the owner first.
SELECT m.session_id, m.user_id AS id, coalesce(m.shown_name, u.name) AS name, m.role, m.hue
  FROM session_members m JOIN users u ON u.id = m.user_id
 WHERE m.session_id = ANY(:session_ids::uuid[]) AND m.left_at IS NULL
 ORDER BY m.session_id, m.role <> 'owner', m.joined_at;

-- Deletion, as the worker role -----------------------------------------------------------------------------------------

-- name: ownership
-- Whether a user is the owner or a member of a session. No row for others, and for a deleted session.
SELECT s.user_id = u.id AS owns FROM user_sessions s JOIN users u ON u.id = :viewer_id AND u.status = 'active'
 WHERE s.id = :session_id AND s.status <> 'deleted'
   AND (s.user_id = u.id
        OR EXISTS (SELECT 1 FROM session_members o WHERE o.session_id = s.id AND o.user_id = u.id AND o.left_at IS NULL));

-- name: end_all_memberships
-- Ends all memberships of a session and revokes its invites.
WITH void AS (DELETE FROM session_invites WHERE session_id = :session_id),
     forgotten AS (DELETE FROM session_removals WHERE session_id = :session_id),
     unread AS (DELETE FROM session_reads WHERE session_id = :session_id)
UPDATE session_members SET left_at = now() WHERE session_id = :session_id AND left_at IS NULL;

-- name: mark_deleted
-- Reduces a deleted session to its owner, plan, times and counts.
UPDATE user_sessions
   SET status = 'deleted', title = 'Deleted session', untitled = false, deleted_at = now(),
       expires_at = least(expires_at, now()), seq = seq + 1
 WHERE id = :session_id AND status <> 'deleted'
RETURNING id;

-- name: next_to_purge
-- A deleted session that still has contents.
SELECT id FROM user_sessions WHERE status = 'deleted' AND emptied_at IS NULL ORDER BY deleted_at LIMIT 1;

-- name: mark_purged
-- Marks a deleted session as empty. Nobody sends it a command again, so the keys of what was deleted in it go too.
WITH forgotten AS (DELETE FROM deleted_client_ids WHERE session_id = :session_id)
UPDATE user_sessions SET emptied_at = now() WHERE id = :session_id AND status = 'deleted';

-- name: delete_of_user
-- Marks a user's sessions as deleted, revokes their invites, and ends all memberships of the user and in those sessions.
WITH own AS (
  UPDATE user_sessions
     SET status = 'deleted', title = 'Deleted session', untitled = false, deleted_at = coalesce(deleted_at, now()),
         expires_at = least(expires_at, now())
   WHERE user_id = :user_id RETURNING id
), void AS (
  UPDATE session_invites SET revoked_at = now() WHERE revoked_at IS NULL AND session_id IN (SELECT id FROM own)
)
UPDATE session_members SET left_at = now()
 WHERE left_at IS NULL AND (user_id = :user_id OR session_id IN (SELECT id FROM own));

-- name: disown_memberships
-- Removes a user's names, and what they have seen, from all memberships.
WITH unread AS (DELETE FROM session_reads WHERE user_id = :user_id)
UPDATE session_members SET shown_name = :name, former_names = '{}' WHERE user_id = :user_id;

-- name: remove_of_user
-- Removes a batch of a user's sessions with everything in them.
DELETE FROM user_sessions
 WHERE id IN (SELECT id FROM user_sessions WHERE user_id = :user_id ORDER BY id LIMIT :limit) RETURNING id;

-- name: export
-- A page of the sessions that a user bought, for the export.
SELECT id, title, plan_id, status, started_at, expires_at, images_generated, videos_generated
  FROM user_sessions WHERE user_id = :user_id AND id > :after ORDER BY id LIMIT :limit;

-- name: export_purchases
-- A page of a user's purchases, for the export.
SELECT id, session_id, plan_id, amount::text AS amount, currency, checkout, created_at
  FROM purchases WHERE user_id = :user_id AND id > :after ORDER BY id LIMIT :limit;
