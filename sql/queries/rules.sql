-- Prompt rules of the operator.

-- name: version
-- Which state of the rules holds.
SELECT version FROM prompt_rules_version;

-- name: enabled
-- The rules that are on, the oldest first.
SELECT id, terms, plans, message FROM prompt_rules WHERE enabled ORDER BY id;

-- name: lock
-- Those who change rules go one after the other.
SELECT pg_advisory_xact_lock(hashtext('prompt_rules'));

-- name: all
-- Every rule, the newest first, with the name of whoever made it.
SELECT r.*, u.name AS author FROM prompt_rules r LEFT JOIN users u ON u.id = r.created_by ORDER BY r.id DESC LIMIT :limit;

-- name: find
-- One rule, with the name of whoever made it.
SELECT r.*, u.name AS author FROM prompt_rules r LEFT JOIN users u ON u.id = r.created_by WHERE r.id = :id;

-- name: count
-- How many there are.
SELECT count(*) FROM prompt_rules;

-- name: add
-- One more, which is off.
INSERT INTO prompt_rules (id, terms, plans, message, created_by) VALUES (:id, :terms, :plans, :message, :created_by);

-- name: change
-- Changes a rule. With other terms or plans it is off, and its trial says nothing of it any more.
UPDATE prompt_rules
   SET terms = :terms, plans = :plans, message = :message, changed_at = clock_timestamp(),
       enabled = enabled AND :same::boolean,
       tried_at = CASE WHEN :same::boolean THEN tried_at END,
       tried_since = CASE WHEN :same::boolean THEN tried_since END,
       tried_all = CASE WHEN :same::boolean THEN tried_all END,
       tried_prompts = CASE WHEN :same::boolean THEN tried_prompts END,
       tried_refused = CASE WHEN :same::boolean THEN tried_refused END
 WHERE id = :id;

-- name: set_trial
-- Keeps what a trial has found.
UPDATE prompt_rules
   SET tried_at = clock_timestamp(), tried_since = :since, tried_all = :complete,
       tried_prompts = :prompts, tried_refused = :refused
 WHERE id = :id;

-- name: set_enabled
-- Switches a rule on or off.
UPDATE prompt_rules SET enabled = :enabled WHERE id = :id;

-- name: remove
-- Deletes a rule.
DELETE FROM prompt_rules WHERE id = :id;

-- name: history
-- A page of what was asked for since the id `since`, the newest first, with the plan of its session.
SELECT g.id, g.user_id, u.name AS author, s.plan_id, g.prompt, g.negative_prompt, g.style, g.created_at
  FROM (SELECT * FROM generations p
         WHERE p.id > :since::uuid AND p.id < :before::uuid ORDER BY p.id DESC LIMIT :limit) AS g
  JOIN user_sessions s ON s.id = g.session_id
  LEFT JOIN users u ON u.id = g.user_id
 ORDER BY g.id DESC;
