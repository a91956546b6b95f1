-- A name is unique in its session to the eye: who comes later to one bears a number. `former_names` are those under which
-- something may have been said before. NULL: not judged yet (chatserver/sessions/naming.py does, in the background).
ALTER TABLE session_members
  ADD COLUMN shown_name text,
  ADD COLUMN former_names text[] NOT NULL DEFAULT '{}';
CREATE INDEX session_members_unnamed ON session_members (session_id) WHERE shown_name IS NULL;

-- The role in which something was said stays with what was said. NULL: from before.
ALTER TABLE messages ADD COLUMN author_role text CHECK (author_role IN ('owner', 'operator', 'guest'));

-- The program judges names (chatserver/users/display_names.py); whatever writes one by hand can at least hide nothing in it:
-- controls, signs without width, marks of direction, fillers. Only what is written from now on: names from before stay.
CREATE FUNCTION refuse_unseen_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.name ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]' THEN
    RAISE check_violation USING MESSAGE = 'a name has no invisible characters';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER users_name_is_seen BEFORE INSERT OR UPDATE OF name ON users
  FOR EACH ROW EXECUTE FUNCTION refuse_unseen_name();
