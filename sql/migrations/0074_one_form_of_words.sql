-- A letter with a mark has two forms in Unicode, one character (NFC) or several (NFD, as files are named on a Mac): each was found
-- only by a search in the same form. The words of prompts and of searches are now both NFC. A longer word that is neither form is left
-- as it is: to sort its marks takes a time that grows with the square of their number.
CREATE FUNCTION composed_words(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(text) = char_length(text) OR text IS NFC NORMALIZED THEN text
            ELSE (SELECT string_agg(CASE WHEN char_length(word) <= 100 OR word IS NFD NORMALIZED THEN normalize(word, NFC)
                                         ELSE word END, ' ')
                    FROM regexp_split_to_table(text, '\s+') AS word) END;
CREATE OR REPLACE FUNCTION separated_words(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(regexp_replace(composed_words(text), '[!-/:-@[-`{-~]', ' ', 'g'),
                      '([\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3])', ' \1 ', 'g');

UPDATE prompts p SET words = words_of(g.user_id, g.prompt) FROM generations g
 WHERE g.id = p.generation_id AND octet_length(g.prompt) <> char_length(g.prompt) AND g.prompt IS NOT NFC NORMALIZED;
UPDATE pictures p SET words = words_of(a.user_id, coalesce(g.prompt, a.filename))
  FROM assets a LEFT JOIN generations g ON g.id = a.generation_id
 WHERE a.id = p.asset_id AND octet_length(coalesce(g.prompt, a.filename)) <> char_length(coalesce(g.prompt, a.filename))
   AND coalesce(g.prompt, a.filename) IS NOT NFC NORMALIZED;
