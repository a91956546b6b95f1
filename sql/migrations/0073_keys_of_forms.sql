-- An announcement, a prompt rule, a batch of codes and an API token are made once for each form or request too: one whose answer
-- was lost, or whose page was reloaded, made a second one.
ALTER TABLE idempotency_keys
  DROP CONSTRAINT idempotency_keys_kind_check,
  ADD CONSTRAINT idempotency_keys_kind_check
    CHECK (kind IN ('album', 'share', 'session', 'announcement', 'rule', 'codes', 'token'));
