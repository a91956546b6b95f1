// Numbers as people type them: with a decimal comma or point, in the digits of any script.
const DIGITS = /\p{Nd}/gu

/** The number, NaN where the text is not one, or null where it is empty. */
export function parseNumber(text) {
  const plain = text
    .normalize("NFKC")
    .replace(DIGITS, toAscii)
    .replace(/[,\u066b]/, ".")
    .trim()
  if (!plain) return null
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : NaN
}

// In every script the ten digits are consecutive code points, starting with zero.
function toAscii(digit) {
  let zero = digit.codePointAt(0)
  for (let step = 0; step < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1)); step++) zero -= 1
  return String(digit.codePointAt(0) - zero)
}
