-- Sessions take turns in the queue: an index tells when each of them had its last.
CREATE INDEX generations_turns ON generations (session_id, started_at) WHERE started_at IS NOT NULL;
