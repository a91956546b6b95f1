-- Fingerprints of pictures (perceptual hashes), by which re-saved copies are recognised: 256 bits, all 0 where a picture is too
-- plain to have one. NULL until it is computed: files from before are worked through in the background.
CREATE FUNCTION fingerprint_bits(hexadecimal text) RETURNS bit(256) LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || COALESCE(hexadecimal, repeat('0', 64)))::bit(256);

-- Its 16 parts of 16 bits, each with its place. Copies differ in so few bits that at least one part is the same.
CREATE FUNCTION fingerprint_parts(fingerprint bit(256)) RETURNS integer[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN bit_count(fingerprint) > 0 THEN (
  SELECT array_agg((part << 16) | substring(fingerprint FROM part * 16 + 1 FOR 16)::integer)
    FROM generate_series(0, 15) AS part
) END;

ALTER TABLE assets ADD COLUMN fingerprint bit(256);
CREATE INDEX assets_fingerprint_parts ON assets USING gin (fingerprint_parts(fingerprint)) WHERE status = 'stored';
CREATE INDEX assets_without_fingerprint ON assets (id) WHERE fingerprint IS NULL AND status = 'stored';
CREATE INDEX assets_sha256 ON assets (sha256) WHERE status = 'stored';
