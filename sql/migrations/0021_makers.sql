-- What somebody had made stays theirs to see: their own generations and files, also of sessions that they have left or were
-- removed from, for as long as these exist. Messages, sessions and what others made there are not.
CREATE POLICY makers_read ON generations FOR SELECT TO chatserver_web USING (user_id = app_user_id());
CREATE POLICY makers_read ON assets FOR SELECT TO chatserver_web USING (user_id = app_user_id());
