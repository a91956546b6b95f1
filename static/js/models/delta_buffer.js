// A streamed reply as it was received: pieces with offsets, of which some may be missing, repeated or ahead of what is
// rendered.
export class DeltaBuffer {
  #runs = [] // of text: [offset, text], with gaps between them, which the next part fills

  /** Adds a piece. */
  add(offset, text) {
    let run = [offset, text]
    const others = []
    for (const other of this.#runs) {
      if (touch(run, other)) run = join(run, other)
      else others.push(other)
    }
    this.#runs = [...others, run]
  }

  /** The code units to the end of what has come. */
  get end() {
    return Math.max(...this.#runs.map(([offset, text]) => offset + text.length), 0)
  }

  /** What continues a text of `length` code units, or an empty string. */
  textAfter(length) {
    const [offset, text] = this.#runs.find((run) => touch(run, [length, ""])) ?? [length, ""]
    return text.slice(length - offset)
  }
}

function touch([one, text], [other, otherText]) {
  return one <= other + otherText.length && other <= one + text.length
}

function join(one, other) {
  const [[offset, text], [later, more]] = one[0] <= other[0] ? [one, other] : [other, one]
  return [offset, text + more.slice(offset + text.length - later)]
}
