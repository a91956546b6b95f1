// Numbers as people type them: with a decimal comma or point, and in the digits of their own writing.
const DIGITS = /\p{Nd}/gu

// The number, NaN where the text is none, or null where there is nothing.
export function typedNumber(text) {
  const plain = text.normalize("NFKC").replace(DIGITS, ascii).replace(/[,\u066b]/, ".").trim()
  if (!plain) return null
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : NaN
}

// Every script's digits stand in a row of ten, of which the first is a zero.
function ascii(digit) {
  let zero = digit.codePointAt(0)
  for (let step = 0; step < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1)); step++) zero -= 1
  return String(digit.codePointAt(0) - zero)
}
