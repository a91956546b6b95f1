-- How many files each of one's share links shows, and the first of them: what the view share_pictures has, read by the index of
-- what each link follows. Belongs to the worker role: with the policies of the web role each of thousands of rows is checked,
-- although whose the link is decides it once.
CREATE INDEX share_assets_order ON share_assets (share_id, position, asset_id);
CREATE INDEX assets_generated_in_session ON assets (session_id, user_id, id)
 WHERE status = 'stored' AND origin = 'generation';
DROP INDEX assets_of_maker_in_session;
CREATE FUNCTION my_share_counts(share_ids uuid[]) RETURNS TABLE (share_id uuid, number bigint, first_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.id,
         CASE WHEN s.album_id IS NOT NULL THEN (SELECT count(*) FROM album_assets m WHERE m.album_id = s.album_id)
              WHEN s.session_id IS NOT NULL
              THEN (SELECT count(*) FROM assets a WHERE a.session_id = s.session_id AND a.user_id = s.user_id
                                                    AND a.status = 'stored' AND a.origin = 'generation')
              ELSE (SELECT count(*) FROM share_assets m WHERE m.share_id = s.id) END,
         CASE WHEN s.album_id IS NOT NULL
              THEN (SELECT m.asset_id FROM album_assets m WHERE m.album_id = s.album_id
                     ORDER BY m.position, m.asset_id LIMIT 1)
              WHEN s.session_id IS NOT NULL
              THEN (SELECT a.id FROM assets a WHERE a.session_id = s.session_id AND a.user_id = s.user_id
                                                AND a.status = 'stored' AND a.origin = 'generation' ORDER BY a.id LIMIT 1)
              ELSE (SELECT m.asset_id FROM share_assets m WHERE m.share_id = s.id
                     ORDER BY m.position, m.asset_id LIMIT 1) END
    FROM shares s WHERE s.id = ANY(share_ids) AND s.user_id = app_user_id()
$$;
GRANT CREATE ON SCHEMA public TO chatserver_worker;
ALTER FUNCTION my_share_counts(uuid[]) OWNER TO chatserver_worker;
REVOKE CREATE ON SCHEMA public FROM chatserver_worker;
