-- The UTF-16 code units of a streaming reply's text that its finished blocks and its open one cover. The open block is drawn
-- anew only where it has grown enough, so that a long reply costs no more for each word than a short one.
ALTER TABLE messages ADD COLUMN shown integer NOT NULL DEFAULT 0;

-- What streams now is drawn anew with the next save of its writer.
UPDATE messages SET shown = closed, open_html = '' WHERE status = 'streaming';
