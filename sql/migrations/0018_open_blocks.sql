-- The block that is still being written, as HTML: a reply looks while it grows as it will when it is whole.
ALTER TABLE messages ADD COLUMN open_html text NOT NULL DEFAULT ''
  CONSTRAINT messages_open_html_is_bounded CHECK (octet_length(open_html) <= 2000 + 20 * octet_length(text));
