// How much of a streamed reply is to be seen: words that come several at a time are shown one after another, until the
// next ones are due, which is after as long as these took to come.
const LONGEST_MS = 800 // what comes after a longer silence is not shown more slowly

export class GradualText {
  #shown = 0 // code units
  #cameAt = 0
  #framedAt = 0

  /** When all that has come is to be seen. */
  until = 0

  /** More has come. The first words are shown at once. */
  add(at) {
    if (at > this.until) this.#framedAt = at // nothing was left to be shown
    this.until = this.#cameAt ? at + Math.min(at - this.#cameAt, LONGEST_MS) : at
    this.#cameAt = at
  }

  /** How many of `length` code units are to be seen in the frame `at`: at `least` those that are drawn. */
  lengthAt(at, length, least) {
    const passed = Math.max(at - this.#framedAt, 1)
    const share = passed / (passed + Math.max(this.until - at, 0))
    this.#framedAt = at
    this.#shown = Math.max(this.#shown + Math.ceil((length - this.#shown) * share), least)
    return this.#shown
  }
}
