-- People in a room are told apart by colour: each seat has one of twelve, which nobody else there has, and what is said
-- from it keeps it. NULL is what was there before: its colour follows from the id alone.
ALTER TABLE session_members ADD COLUMN hue smallint CHECK (hue BETWEEN 0 AND 11);
ALTER TABLE messages ADD COLUMN author_hue smallint;
-- Nobody has named the session yet: it takes its title from the first words of its owner.
ALTER TABLE user_sessions ADD COLUMN untitled boolean NOT NULL DEFAULT false;
GRANT UPDATE (untitled) ON user_sessions TO chatserver_web;
