// Texts by characters as people see them, never cut inside one, and each in its own direction.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/
let segmenter = null // made at its first use, as that is slow

/** The length as the server counts it, in code points: "🦊" is one, and two code units. */
export function countCodePoints(text) {
  return [...text].length
}

/** What is wrong with a text longer than `most`, or an empty string. White space around it does not count. */
export function lengthProblem(text, most) {
  if (text.length <= most) return ""
  const over = countCodePoints(text.trim()) - most
  const characters = over === 1 ? "character" : "characters"
  return over > 0 ? `${inEnglish(over)} ${characters} too many: at most ${inEnglish(most)}.` : ""
}

function inEnglish(number) {
  return number.toLocaleString("en")
}

/** The first letter of a person's name, in upper case. */
export function initial(name) {
  const [first] = graphemes(name)
  return first?.segment.toLocaleUpperCase() ?? ""
}

function graphemes(text) {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })
  return segmenter.segment(text)
}

/** A name or title for use inside a sentence: its direction does not affect the text around it. */
export function isolate(text) {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text
}
