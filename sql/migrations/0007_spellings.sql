-- One address is one account in every spelling: the key is made by the program (chatserver/text/normalization.py), where names of
-- domains and Unicode are known. For ASCII it is the address in lower case, whatever the database's locale takes for
-- that; the others follow from the program, and are found as before until then. The old index stays for servers of the
-- version before that run on during the upgrade.
ALTER TABLE users ADD COLUMN email_key text;
UPDATE users SET email_key = lower(email COLLATE "C") WHERE status <> 'deleted' AND email ~ '^[\x21-\x7e]+$';
CREATE UNIQUE INDEX users_email_key ON users (email_key) WHERE status <> 'deleted';
CREATE INDEX users_without_key ON users (id) WHERE email_key IS NULL AND status <> 'deleted';
