-- What is drawn is at most ten times its text. Rows from before that bound are drawn plain: by lines, as they are written.
UPDATE messages
   SET closed = 0,
       html = CASE WHEN status = 'streaming' THEN '' ELSE '<p>'
           || replace(replace(replace(replace(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), E'\n', E'<br>\n')
           || E'</p>\n' END
 WHERE octet_length(html) > 2000 + 10 * octet_length(text);
ALTER TABLE messages ADD CONSTRAINT messages_html_is_bounded CHECK (octet_length(html) <= 2000 + 10 * octet_length(text));
