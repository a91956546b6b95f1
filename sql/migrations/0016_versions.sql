-- A message may have versions: a reply that was asked for again, words that were sent again changed. Each is a row; they
-- share a place in the stream (the first one's, of which `replaces` is the id), and all but one of them are hidden.
ALTER TABLE messages ADD COLUMN place uuid, ADD COLUMN replaces uuid,
  ADD COLUMN version smallint NOT NULL DEFAULT 1, ADD COLUMN versions smallint NOT NULL DEFAULT 1,
  ADD COLUMN hidden boolean NOT NULL DEFAULT false;
-- The order of the stream: a message without a place of another's has its own.
CREATE INDEX messages_place ON messages (session_id, (coalesce(place, id)), id);
DROP INDEX messages_shown;
CREATE INDEX messages_replaces ON messages (replaces) WHERE replaces IS NOT NULL;
GRANT UPDATE (versions, hidden) ON messages TO chatserver_web;

-- How a reply ended is drawn beside its words, and no longer as their last line.
UPDATE messages SET html = regexp_replace(html, '<p><em>[^<]*</em> \(<code>[a-z-]+</code>\)</p>\n$', '')
 WHERE author_kind = 'assistant' AND html ~ '</em> \(<code>[a-z-]+</code>\)</p>\n$';
