// Texts as people see them: characters that are several code units are never cut, and each runs in its own direction.
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

// How many characters the server counts: code points, of which "🦊" has one and two code units.
export function length(text) {
  return [...text].length
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
  return `\u2068${text}\u2069`
}
