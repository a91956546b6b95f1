-- A link that follows a session shows what its maker had made there, and nothing that they brought along: an upload is shared
-- only where it was chosen, by itself or by its album.
CREATE OR REPLACE VIEW share_pictures WITH (security_invoker = true) AS
  SELECT m.share_id, m.asset_id, m.position FROM share_assets m
  UNION ALL
  SELECT s.id, m.asset_id, m.position FROM shares s JOIN album_assets m ON m.album_id = s.album_id
  UNION ALL
  SELECT s.id, a.id, 0 FROM shares s JOIN assets a ON a.session_id = s.session_id AND a.user_id = s.user_id
   WHERE a.status = 'stored' AND a.origin = 'generation';
