-- Messages are shown in the order of their ids. The clocks of two processes may differ by a few milliseconds, so a new
-- message's id also comes after this one.
ALTER TABLE user_sessions ADD COLUMN newest_message_id uuid;
GRANT UPDATE (newest_message_id) ON user_sessions TO chatserver_web;
