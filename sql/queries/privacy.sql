-- Questions over several features, for the erasure of accounts.

-- name: closed_account
-- A deleted account with something to do: files not yet handed to the sweeper, or none left, so that its rows may go.
SELECT id, files > 0 AS has_files
  FROM (SELECT u.id, count(a.id) AS files, count(a.id) FILTER (WHERE a.status <> 'deleted') AS loose
          FROM users u
          LEFT JOIN user_sessions s ON s.user_id = u.id
          LEFT JOIN assets a ON a.user_id = u.id OR a.session_id = s.id
         WHERE u.status = 'deleted' GROUP BY u.id) d
 WHERE files = 0 OR loose > 0 ORDER BY id LIMIT 1;
