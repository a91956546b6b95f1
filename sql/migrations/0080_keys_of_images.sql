-- Requests in the words of OpenAI's images API have keys too: for the session in which each was made. One that was refused is
-- forgotten, so that it may be sent under the same key once it is mended.
ALTER TABLE idempotency_keys
  DROP CONSTRAINT idempotency_keys_kind_check,
  ADD CONSTRAINT idempotency_keys_kind_check
    CHECK (kind IN ('album', 'share', 'session', 'announcement', 'rule', 'codes', 'token', 'images'));
GRANT DELETE ON idempotency_keys TO chatserver_web;
