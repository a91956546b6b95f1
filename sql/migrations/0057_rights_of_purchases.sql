-- What a purchase gives, as it was sold (NULL: what its plan gives), and whether it was taken back: a session that was extended on a
-- larger plan has its former credits again when the extension is refunded. A credit that was taken back is available at 'infinity'.
ALTER TABLE purchases ADD COLUMN image_credits_per_hour integer;
ALTER TABLE purchases ADD COLUMN video_credits_per_hour integer;
ALTER TABLE purchases ADD COLUMN taken_back boolean NOT NULL DEFAULT false;
CREATE INDEX purchases_session ON purchases (session_id);
