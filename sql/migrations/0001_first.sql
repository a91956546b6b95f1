-- The whole first schema. Run by `chatserver migrate` in one transaction as the owner of the database.
--
-- Two roles, made before by roles.py, do the daily work; neither owns a table or bypasses row-level security:
--   chatserver_web     what a signed-in person may see and do; each transaction sets app.user_id
--   chatserver_worker  what the product does for itself: sign-in, claims, sweeps, the operator's commands

GRANT USAGE ON SCHEMA public TO chatserver_web, chatserver_worker;

-- The user of this transaction; NULL outside of one (an unset setting reads as '').
CREATE FUNCTION app_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.user_id', true), '')::uuid;

-- People ---------------------------------------------------------------------------------------------------------

CREATE TABLE users (
  id            uuid PRIMARY KEY,
  email         text NOT NULL,
  name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
  password_hash text,
  role          text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),
  status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'banned', 'deleted')),
  settings      jsonb NOT NULL DEFAULT '{}',
  created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE status <> 'deleted';

-- A browser's login. The cookie holds a random token; only its SHA-256 is kept.
CREATE TABLE sign_ins (
  id           uuid PRIMARY KEY,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  token_hash   bytea NOT NULL UNIQUE,
  user_agent   text NOT NULL DEFAULT '',
  address      text NOT NULL DEFAULT '',
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL,
  ended_at     timestamptz
);
CREATE INDEX sign_ins_user ON sign_ins (user_id) WHERE ended_at IS NULL;

CREATE TABLE api_tokens (
  id           uuid PRIMARY KEY,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name         text NOT NULL DEFAULT '' CHECK (char_length(name) <= 80),
  token_hash   bytea NOT NULL UNIQUE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id) WHERE revoked_at IS NULL;

CREATE TABLE password_resets (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);

-- Counts of attempts by account and by address, so that guessing is slow on every node.
CREATE TABLE throttles (
  key        text PRIMARY KEY,
  count      integer NOT NULL,
  expires_at timestamptz NOT NULL
);

-- Plans and sessions ---------------------------------------------------------------------------------------------

CREATE TABLE session_config (
  id                     text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,40}$'),
  name                   text NOT NULL,
  price_amount           numeric(12, 2) NOT NULL CHECK (price_amount >= 0),
  price_currency         text NOT NULL CHECK (price_currency ~ '^[A-Z]{3}$'),
  minutes                integer NOT NULL CHECK (minutes BETWEEN 1 AND 525600),
  image_credits_per_hour integer NOT NULL CHECK (image_credits_per_hour BETWEEN 0 AND 1000),
  video_credits_per_hour integer NOT NULL CHECK (video_credits_per_hour BETWEEN 0 AND 1000),
  max_size               integer NOT NULL CHECK (max_size BETWEEN 64 AND 4096),
  max_count              integer NOT NULL CHECK (max_count BETWEEN 1 AND 4),
  position               integer NOT NULL DEFAULT 0,
  available              boolean NOT NULL DEFAULT true,
  chat_model             text NOT NULL DEFAULT '',
  image_models           text[] NOT NULL DEFAULT '{}'
);

INSERT INTO session_config (id, name, price_amount, price_currency, minutes, image_credits_per_hour,
                            video_credits_per_hour, max_size, max_count, position)
VALUES ('flash-lite', 'Flash Lite', 29, 'INR',  60,  3, 1,  512, 1, 1),
       ('flash',      'Flash',      49, 'INR', 120,  8, 2,  768, 2, 2),
       ('pro',        'Pro',        99, 'INR', 180, 15, 5, 1024, 4, 3);

CREATE TABLE user_sessions (
  id                  uuid PRIMARY KEY,
  user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  plan_id             text NOT NULL REFERENCES session_config,
  title               text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 120),
  status              text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'expired')),
  started_at          timestamptz NOT NULL DEFAULT now(),
  expires_at          timestamptz NOT NULL,
  seq                 bigint NOT NULL DEFAULT 0,
  guests_may_generate boolean NOT NULL DEFAULT false,
  messages_count      integer NOT NULL DEFAULT 0,
  images_generated    integer NOT NULL DEFAULT 0,
  videos_generated    integer NOT NULL DEFAULT 0,
  tokens_in           bigint NOT NULL DEFAULT 0,
  tokens_out          bigint NOT NULL DEFAULT 0,
  created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_sessions_user ON user_sessions (user_id, id DESC);
CREATE INDEX user_sessions_expiry ON user_sessions (expires_at) WHERE status = 'active';

-- One row for each time a session was bought or extended.
CREATE TABLE purchases (
  id         uuid PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  plan_id    text NOT NULL REFERENCES session_config,
  amount     numeric(12, 2) NOT NULL,
  currency   text NOT NULL,
  checkout   text NOT NULL,
  reference  text,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (checkout, reference)
);

CREATE TABLE session_members (
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  role       text NOT NULL CHECK (role IN ('owner', 'guest')),
  joined_at  timestamptz NOT NULL DEFAULT now(),
  left_at    timestamptz,
  PRIMARY KEY (session_id, user_id)
);
CREATE INDEX session_members_user ON session_members (user_id) WHERE left_at IS NULL;

CREATE TABLE session_invites (
  id         uuid PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  code       text NOT NULL UNIQUE,
  created_by uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX session_invites_session ON session_invites (session_id);

-- The stream -----------------------------------------------------------------------------------------------------

-- `closed` counts the UTF-16 code units of `text` that `html` covers while it streams. `seq` is that of the last
-- change; `request_hash` tells a repeated command from a different one with the same
-- client_id. A message with status 'streaming' is also the assistant's job: claimed under a lease like a generation.
CREATE TABLE messages (
  id           uuid PRIMARY KEY,
  session_id   uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id      uuid REFERENCES users ON DELETE SET NULL,
  author_kind  text NOT NULL CHECK (author_kind IN ('user', 'assistant', 'system')),
  author_name  text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('text', 'image', 'video')),
  text         text NOT NULL DEFAULT '',
  html         text NOT NULL DEFAULT '',
  status       text NOT NULL DEFAULT 'done' CHECK (status IN ('streaming', 'done', 'failed', 'deleted')),
  client_id    text NOT NULL CHECK (char_length(client_id) BETWEEN 1 AND 64),
  request_hash bytea,
  reply_to     uuid REFERENCES messages ON DELETE SET NULL,
  closed       integer NOT NULL DEFAULT 0,
  seq          bigint NOT NULL,
  attempt      integer NOT NULL DEFAULT 0,
  worker_id    text,
  lease_until  timestamptz,
  stop_at      timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now(),
  CHECK (status = 'streaming' OR lease_until IS NULL)
);
CREATE UNIQUE INDEX messages_seq ON messages (session_id, seq);
CREATE UNIQUE INDEX messages_client ON messages (session_id, user_id, client_id) WHERE user_id IS NOT NULL;
CREATE INDEX messages_streaming ON messages (id) WHERE status = 'streaming';
-- Without it each message of a session that goes would look through all messages for answers to it.
CREATE INDEX messages_reply_to ON messages (reply_to) WHERE reply_to IS NOT NULL;

-- One picture or one clip: queue entry and tile. `attempt` counts claims and fences every later write; `faults` counts
-- the attempts that failed; `deadline_at` is set by the first claim.
CREATE TABLE generations (
  id              uuid PRIMARY KEY,
  message_id      uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
  session_id      uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  parent_id       uuid REFERENCES generations ON DELETE SET NULL,
  kind            text NOT NULL CHECK (kind IN ('image', 'video')),
  number          integer NOT NULL,
  status          text NOT NULL DEFAULT 'queued'
                  CHECK (status IN ('queued', 'model-loading', 'rendering', 'done', 'failed', 'cancelled')),
  prompt          text NOT NULL,
  negative_prompt text,
  style           text,
  seed            bigint NOT NULL,
  width           integer NOT NULL,
  height          integer NOT NULL,
  steps           integer,
  guidance        real,
  source_asset_id uuid,
  requested_model text,
  provider        text NOT NULL DEFAULT '',
  model           text NOT NULL DEFAULT '',
  client_id       text,
  request_hash    bytea,
  attempt         integer NOT NULL DEFAULT 0,
  worker_id       text,
  lease_until     timestamptz,
  not_before      timestamptz NOT NULL DEFAULT now(),
  deadline_at     timestamptz,
  faults          integer NOT NULL DEFAULT 0,
  fraction        real,
  step            integer,
  step_count      integer,
  eta_at          timestamptz,
  error_code      text,
  error_message   text,
  retry_at        timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  started_at      timestamptz,
  finished_at     timestamptz,
  UNIQUE (message_id, number),
  -- Running ⇒ leased, ended ⇒ not; a queued one is leased while it waits in the provider's own queue.
  CHECK (status NOT IN ('model-loading', 'rendering') OR lease_until IS NOT NULL),
  CHECK (status NOT IN ('done', 'failed', 'cancelled') OR lease_until IS NULL),
  CHECK ((status IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK ((status = 'failed') = (error_code IS NOT NULL))
);
CREATE INDEX generations_message ON generations (message_id);
CREATE INDEX generations_queue ON generations (session_id, id) WHERE status = 'queued';
CREATE INDEX generations_leased ON generations (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX generations_parent ON generations (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX generations_user ON generations (user_id, id DESC);
CREATE INDEX generations_recent ON generations (kind, finished_at DESC) WHERE status = 'done';
CREATE INDEX generations_done ON generations (finished_at DESC) WHERE status = 'done';
CREATE UNIQUE INDEX generations_client ON generations (session_id, user_id, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE assets (
  id               uuid PRIMARY KEY,
  session_id       uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  generation_id    uuid REFERENCES generations ON DELETE CASCADE,
  attempt          integer NOT NULL DEFAULT 0,
  kind             text NOT NULL CHECK (kind IN ('image', 'video')),
  status           text NOT NULL DEFAULT 'staged' CHECK (status IN ('staged', 'stored', 'deleted')),
  content_type     text NOT NULL,
  width            integer NOT NULL,
  height           integer NOT NULL,
  bytes            bigint NOT NULL,
  sha256           text NOT NULL,
  filename         text NOT NULL,
  storage_key      text NOT NULL UNIQUE,
  thumbnail_key    text NOT NULL,
  placeholder      text NOT NULL,
  duration_seconds real,
  favorite         boolean NOT NULL DEFAULT false,
  created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX assets_generation ON assets (generation_id);
CREATE INDEX assets_user ON assets (user_id, id DESC) WHERE status = 'stored';
CREATE INDEX assets_staged ON assets (created_at) WHERE status <> 'stored';
CREATE UNIQUE INDEX assets_one_result ON assets (generation_id) WHERE status = 'stored' AND generation_id IS NOT NULL;

-- Credits --------------------------------------------------------------------------------------------------------

-- A session owns exactly its plan's rows. Free ⇔ available_at <= now().
CREATE TABLE credits (
  session_id    uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
  kind          text NOT NULL CHECK (kind IN ('image', 'video')),
  number        integer NOT NULL CHECK (number > 0),
  available_at  timestamptz NOT NULL DEFAULT now(),
  generation_id uuid UNIQUE REFERENCES generations ON DELETE SET NULL,
  PRIMARY KEY (session_id, kind, number)
);
CREATE INDEX credits_available ON credits (available_at);

-- The books: appended, never changed.
CREATE TABLE credit_entries (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  session_id    uuid NOT NULL,
  kind          text NOT NULL,
  number        integer NOT NULL,
  generation_id uuid NOT NULL,
  action        text NOT NULL CHECK (action IN ('hold', 'capture', 'release')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (generation_id, action)
);
CREATE UNIQUE INDEX credit_entries_settled ON credit_entries (generation_id) WHERE action IN ('capture', 'release');
CREATE INDEX credit_entries_session ON credit_entries (session_id, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'credit_entries is append-only';
END $$;
CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE ON credit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_entries_never_emptied BEFORE TRUNCATE ON credit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What operators know by these names -------------------------------------------------------------------------------

CREATE VIEW image_generations WITH (security_invoker = true) AS
  SELECT id, user_id, session_id, message_id, status, prompt, seed, width, height, model, provider, error_code,
         created_at, started_at, finished_at
    FROM generations WHERE kind = 'image';
CREATE VIEW video_generations WITH (security_invoker = true) AS
  SELECT id, user_id, session_id, message_id, status, prompt, seed, width, height, model, provider, error_code,
         created_at, started_at, finished_at
    FROM generations WHERE kind = 'video';

-- Rights -----------------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE, DELETE ON users, sign_ins, api_tokens, password_resets, throttles, session_config,
  user_sessions, purchases, session_members, session_invites, messages, generations, assets, credits
  TO chatserver_worker;
GRANT SELECT, INSERT ON credit_entries TO chatserver_worker;

GRANT SELECT (id, email, name, role, status, settings, created_at), UPDATE (name, settings) ON users TO chatserver_web;
GRANT SELECT (id, user_id, user_agent, address, created_at, last_used_at, expires_at, ended_at), UPDATE (ended_at)
  ON sign_ins TO chatserver_web;
GRANT SELECT (id, user_id, name, created_at, last_used_at, revoked_at), INSERT, UPDATE (revoked_at)
  ON api_tokens TO chatserver_web;
GRANT SELECT ON session_config TO chatserver_web;
-- Sessions are sold, and guests seated, by the product itself (worker): a person cannot give himself credits or a seat.
GRANT SELECT, UPDATE (seq, messages_count, title, guests_may_generate) ON user_sessions TO chatserver_web;
GRANT SELECT, UPDATE (left_at) ON session_members TO chatserver_web;
GRANT SELECT, UPDATE (available_at, generation_id) ON credits TO chatserver_web;
GRANT SELECT ON purchases TO chatserver_web;
-- Nothing moves to another session or another owner, and files are named by the worker alone.
GRANT SELECT, INSERT, UPDATE (revoked_at) ON session_invites TO chatserver_web;
GRANT SELECT, INSERT, UPDATE (status, text, html, closed, seq, worker_id, lease_until, stop_at) ON messages
  TO chatserver_web;
GRANT SELECT, INSERT, UPDATE (status, worker_id, lease_until, fraction, step, step_count, eta_at, finished_at)
  ON generations TO chatserver_web;
GRANT SELECT, UPDATE (favorite, status) ON assets TO chatserver_web;
GRANT SELECT, INSERT ON credit_entries TO chatserver_web;
GRANT SELECT ON image_generations, video_generations TO chatserver_web, chatserver_worker;

-- The sessions of this transaction's user, and everybody in them. Both belong to the worker role, so that the policies
-- can use them without recursion; as uncorrelated sub-selects they run once a query, by index, and are then hashed.
CREATE FUNCTION my_sessions() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT session_id FROM session_members WHERE user_id = app_user_id() AND left_at IS NULL $$;
CREATE FUNCTION my_companions() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT o.user_id FROM session_members m JOIN session_members o ON o.session_id = m.session_id
         WHERE m.user_id = app_user_id() AND m.left_at IS NULL $$;
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION my_sessions() OWNER TO chatserver_worker;
ALTER FUNCTION my_companions() OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['users', 'sign_ins', 'api_tokens', 'password_resets', 'throttles', 'user_sessions',
                              'purchases', 'session_members', 'session_invites', 'messages', 'generations', 'assets',
                              'credits', 'credit_entries'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY worker ON %I TO chatserver_worker USING (true) WITH CHECK (true)', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['messages', 'generations', 'assets'] LOOP
    EXECUTE format('CREATE POLICY members_read ON %I FOR SELECT TO chatserver_web
                    USING (session_id IN (SELECT my_sessions()))', name);
    EXECUTE format('CREATE POLICY members_change ON %I FOR UPDATE TO chatserver_web
                    USING (session_id IN (SELECT my_sessions()))', name);
  END LOOP;
END $$;

CREATE POLICY people ON users FOR SELECT TO chatserver_web
  USING (id = app_user_id() OR id IN (SELECT my_companions()));
CREATE POLICY self ON users FOR UPDATE TO chatserver_web USING (id = app_user_id());
CREATE POLICY own ON sign_ins TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY own ON api_tokens TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY own ON purchases FOR SELECT TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY members_read ON user_sessions FOR SELECT TO chatserver_web
  USING (user_id = app_user_id() OR id IN (SELECT my_sessions()));
CREATE POLICY members_change ON user_sessions FOR UPDATE TO chatserver_web USING (id IN (SELECT my_sessions()));
CREATE POLICY members_read ON session_members FOR SELECT TO chatserver_web
  USING (user_id = app_user_id() OR session_id IN (SELECT my_sessions()));
-- A guest may leave; the owner may send away and take back.
CREATE POLICY owner_or_self_changes ON session_members FOR UPDATE TO chatserver_web
  USING (user_id = app_user_id() OR session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = app_user_id()))
  WITH CHECK (session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = app_user_id())
              OR (user_id = app_user_id() AND left_at IS NOT NULL));
CREATE POLICY owner ON session_invites TO chatserver_web
  USING (session_id IN (SELECT s.id FROM user_sessions s WHERE s.user_id = app_user_id()));
CREATE POLICY members_add ON generations FOR INSERT TO chatserver_web
  WITH CHECK (user_id = app_user_id() AND session_id IN (SELECT my_sessions()));
CREATE POLICY members_add ON messages FOR INSERT TO chatserver_web
  WITH CHECK (session_id IN (SELECT my_sessions())
              AND ((author_kind = 'user' AND user_id = app_user_id()) OR (author_kind <> 'user' AND user_id IS NULL)));
CREATE POLICY members_read ON credits FOR SELECT TO chatserver_web USING (session_id IN (SELECT my_sessions()));
CREATE POLICY members_change ON credits FOR UPDATE TO chatserver_web USING (session_id IN (SELECT my_sessions()));
CREATE POLICY members_read ON credit_entries FOR SELECT TO chatserver_web USING (session_id IN (SELECT my_sessions()));
CREATE POLICY members_add ON credit_entries FOR INSERT TO chatserver_web
  WITH CHECK (session_id IN (SELECT my_sessions()));
