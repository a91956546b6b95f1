// Texts as people see them: characters that are several code units are never cut, and each runs in its own direction.
const number = new Intl.NumberFormat("en")
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

// How many characters the server counts: code points, of which "🦊" has one and two code units.
export function length(text) {
  return [...text].length
}

// What is wrong with a text that is longer than a field takes, or nothing. Blanks around it do not count, as for the server.
export function tooMuch(text, most) {
  if (text.length <= most) return ""
  const over = length(text.trim()) - most
  return over > 0 ? `${number.format(over)} ${over === 1 ? "character" : "characters"} too many: at most ${number.format(most)}.` : ""
}

// A person's letter.
export function initial(name) {
  const [first] = graphemes.segment(name)
  return first?.segment.toLocaleUpperCase() ?? ""
}

// At most so many characters as they are seen, with an ellipsis in place of the rest.
export function shorten(text, most) {
  const all = [...graphemes.segment(text)]
  return all.length > most ? `${all.slice(0, most - 1).map((each) => each.segment).join("")}…` : text
}

// A name or a title inside a sentence of ours: it turns round neither the sentence nor itself.
export function isolate(text) {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text
}
