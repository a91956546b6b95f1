-- Covers and favourites are found by an index, however many pictures a session or a person has.
CREATE INDEX assets_covers ON assets (session_id, id DESC) WHERE status = 'stored';
CREATE INDEX assets_favorites ON assets (user_id, generation_id DESC) WHERE favorite AND status = 'stored';
