-- The chat page reads its messages in the order in which they are shown.
CREATE INDEX messages_shown ON messages (session_id, id);
