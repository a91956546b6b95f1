// A reply as it was heard: pieces with offsets, of which some may be missing, doubled or ahead of what is drawn.
export class Heard {
  #from = 0
  #text = ""

  // Takes a piece; one after a gap starts anew, as what lies between can only come with the next drawing.
  hear(offset, text) {
    const end = this.#from + this.#text.length
    if (!this.#text || offset > end) [this.#from, this.#text] = [offset, text]
    else if (offset + text.length > end) this.#text += text.slice(end - offset)
  }

  // What continues a text of that many code units, or nothing.
  beyond(length) {
    return length >= this.#from ? this.#text.slice(length - this.#from) : ""
  }
}
