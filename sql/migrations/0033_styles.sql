-- Styles of pictures: the operator's list. Those that come with the product have their samples among its static files.
CREATE TABLE styles (
  name          text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40),
  words_before  text NOT NULL DEFAULT '' CHECK (length(words_before) <= 300),
  words_after   text NOT NULL DEFAULT '' CHECK (length(words_after) <= 300),
  words_without text NOT NULL DEFAULT '' CHECK (length(words_without) <= 300),
  sample        bytea,
  sample_digest text,
  position      integer NOT NULL
);
CREATE UNIQUE INDEX styles_name ON styles (lower(name));
CREATE UNIQUE INDEX styles_sample ON styles (sample_digest) WHERE sample_digest IS NOT NULL;
GRANT SELECT ON styles TO chatserver_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON styles TO chatserver_worker;

-- The words of its style, as a picture was made with them. NULL: made before there were any, or with a style of no list.
ALTER TABLE generations
  ADD COLUMN style_before  text,
  ADD COLUMN style_after   text,
  ADD COLUMN style_without text;

INSERT INTO styles (name, words_before, words_after, words_without, position) VALUES
  ('photo', '', 'photograph, natural light, sharp focus', 'drawing, painting', 1),
  ('cinematic', 'cinematic photo of', 'dramatic light, shallow depth of field, film grain', 'drawing, painting', 2),
  ('watercolour', 'watercolour of', 'loose washes, paper texture', 'photograph', 3),
  ('oil', 'oil painting of', 'thick brush strokes, rich colours', 'photograph', 4),
  ('ink', 'ink drawing of', 'black ink, brush lines, white paper', 'photograph', 5),
  ('pencil', 'pencil drawing of', 'graphite, fine hatching, rough paper', 'photograph', 6),
  ('comic', 'comic panel of', 'bold outlines, flat colours', 'photograph, blurry', 7),
  ('anime', 'anime scene of', 'vivid colours, clean lines, painted background', 'photograph', 8),
  ('pixel', 'pixel art of', '8-bit, large pixels, few colours', 'photograph, blurry', 9),
  ('poster', 'travel poster of', 'flat shapes, few inks', 'photograph, text', 10),
  ('woodblock', 'woodblock print of', 'ukiyo-e, flat areas of colour, calm lines', 'photograph', 11),
  ('neon', '', 'neon lights at night, glowing contours', 'daylight', 12),
  ('pastel', '', 'soft pastel colours, gentle light', 'harsh contrast', 13),
  ('noir', 'film noir still of', 'black and white, deep shadows', 'colour', 14),
  ('vintage', 'vintage photograph of', 'sepia, faded, old paper', 'modern', 15),
  ('synthwave', '', 'synthwave, electric colours, magenta and cyan glow', 'daylight', 16);
