// A streamed reply as it was received: pieces with offsets, of which some may be missing, repeated or ahead of what is
// rendered.
export class DeltaBuffer {
  #from = 0
  #text = ""

  /** Adds a piece. After a gap the buffer starts again, as the missing text only comes with the next rendering. */
  add(offset, text) {
    const end = this.#from + this.#text.length
    if (!this.#text || offset > end) [this.#from, this.#text] = [offset, text]
    else if (offset + text.length > end) this.#text += text.slice(end - offset)
  }

  /** What continues a text of `length` code units, or an empty string. */
  textAfter(length) {
    return length >= this.#from ? this.#text.slice(length - this.#from) : ""
  }
}
