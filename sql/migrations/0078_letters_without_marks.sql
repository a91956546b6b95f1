-- A letter without a mark is found by its searches alone no more: people leave accents out, so "cafe" finds "café" too, as in the
-- search over sessions and messages (chatserver/database/patterns.py); "cafè" does not. Beside a word with marks stands the one
-- without, so that the same indexes find both. A longer word is left as it is: see migration 0074.
CREATE FUNCTION plain_words(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT string_agg(plain, ' ')
          FROM regexp_split_to_table(text, '\s+') AS word
         CROSS JOIN (SELECT '[\u00ad\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed'
                            '\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]' AS untyped) AS marks
         CROSS JOIN LATERAL (SELECT regexp_replace(normalize(regexp_replace(word, untyped, '', 'g'), NFKD), untyped, '', 'g') AS bare
                              WHERE char_length(word) <= 100) AS stripped
         CROSS JOIN LATERAL (SELECT normalize(replace(replace(replace(replace(replace(replace(
                              translate(bare, 'łŁøØđĐħĦıŧŦ', 'lLoOdDhHitT'),
                              'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), NFKC) AS plain) AS spelled
         WHERE plain <> word);

CREATE OR REPLACE FUNCTION words_of(owner uuid, text text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple', separated_words(text)) || array_to_tsvector(ARRAY['owner:' || owner])
       || CASE WHEN octet_length(text) = char_length(text) THEN ''::tsvector
               ELSE to_tsvector('simple', coalesce(separated_words(plain_words(text)), '')) END;

-- What is typed in full width, with ligatures or with signs of no width is looked for without them.
CREATE OR REPLACE FUNCTION all_words(owner uuid, text text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN owner IS NULL THEN terms ELSE terms && quote_literal('owner:' || owner)::tsquery END
          FROM (SELECT nullif(to_tsquery('simple', string_agg(word || ':*', ' & ')), ''::tsquery) AS terms
                  FROM (SELECT word
                          FROM (SELECT string_agg(CASE WHEN char_length(typed) <= 100 THEN normalize(typed, NFKC) ELSE typed END, ' ')
                                  FROM regexp_split_to_table(
                                         regexp_replace(text, '[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]', '', 'g'), '\s+') AS typed
                               ) AS looked (for_words)
                         CROSS JOIN regexp_split_to_table(separated_words(for_words), '\s+') AS word
                         WHERE word <> '' LIMIT 16) AS split) AS parsed);

UPDATE prompts p SET words = words_of(g.user_id, g.prompt) FROM generations g
 WHERE g.id = p.generation_id AND octet_length(g.prompt) <> char_length(g.prompt) AND plain_words(g.prompt) IS NOT NULL;
UPDATE pictures p SET words = words_of(a.user_id, coalesce(g.prompt, a.filename))
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id
 WHERE a.id = p.asset_id AND octet_length(coalesce(g.prompt, a.filename)) <> char_length(coalesce(g.prompt, a.filename))
   AND plain_words(coalesce(g.prompt, a.filename)) IS NOT NULL;
