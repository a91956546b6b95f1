-- Which file is this? Asked for the public page /verify: no answer names a person, a session or a file.

-- name: find_by_sha256
-- When a file with exactly these bytes was made, and how.
SELECT COALESCE(g.finished_at, a.created_at) AS made_at, g.provider, g.masked
  FROM assets a JOIN generations g ON g.id = a.generation_id
 WHERE a.sha256 = :sha256 AND a.status = 'stored' ORDER BY a.id LIMIT 1;

-- name: find_by_fingerprint
-- The file whose fingerprint differs in the fewest bits, at most so many, among those that agree in one of 16 parts.
SELECT bit_count(a.fingerprint # fingerprint_bits(:fingerprint)) AS distance,
       COALESCE(g.finished_at, a.created_at) AS made_at, g.provider, g.masked
  FROM assets a JOIN generations g ON g.id = a.generation_id
 WHERE a.status = 'stored'
   AND fingerprint_parts(a.fingerprint) && fingerprint_parts(fingerprint_bits(:fingerprint))
   AND bit_count(a.fingerprint # fingerprint_bits(:fingerprint)) <= :most
 ORDER BY distance, a.id LIMIT 1;
