-- What is deleted is gone: generations and messages with their rows, a session but for a row without content, which the
-- purchases and the books refer to. `emptied_at` NULL: something of it is still to be removed.
ALTER TABLE user_sessions DROP CONSTRAINT user_sessions_status_check;
ALTER TABLE user_sessions ADD CONSTRAINT user_sessions_status_check CHECK (status IN ('active', 'expired', 'deleted'));
ALTER TABLE user_sessions ADD COLUMN deleted_at timestamptz, ADD COLUMN emptied_at timestamptz;
CREATE INDEX user_sessions_unemptied ON user_sessions (deleted_at) WHERE status = 'deleted' AND emptied_at IS NULL;

-- What was deleted before kept its prompts. Rows of files stay until the sweeper has removed their bytes.
UPDATE assets SET status = 'deleted', generation_id = NULL, favorite = false, filename = '', placeholder = '', sha256 = ''
 WHERE status = 'deleted'
    OR generation_id IN (SELECT g.id FROM generations g JOIN messages m ON m.id = g.message_id WHERE m.status = 'deleted');
DELETE FROM generations g USING messages m WHERE m.id = g.message_id AND m.status = 'deleted';
UPDATE messages SET request_hash = NULL, stop_at = NULL WHERE status = 'deleted';
