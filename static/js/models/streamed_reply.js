// The words of a reply that is being written: as parts, which are blocks that the server has drawn, and before that as
// deltas, which stand at its end until they are drawn.
import { slot } from "../helpers/dom.js"
import { morph } from "../helpers/morph.js"
import { parse } from "../rendering.js"
import { DeltaBuffer } from "./delta_buffer.js"
import { GradualText } from "./gradual_text.js"

const WRITE_EVERY_MS = 60 // and until the next frame

export class StreamedReply {
  #message
  #heard
  #drawn
  #buffer = new DeltaBuffer()
  #gradual = new GradualText()
  #timer = 0 // until the next write may begin
  #frame = 0
  #wroteAt = 0
  #drawnWords = "" // of the tail as the server drew them, which are in no block yet
  #shown = null
  #part = null // which is drawn when its words are to be seen
  #partAt = 0

  /** `message` is the element. `heard` is called when words have come, and `drawn` when blocks were put into it. */
  constructor(message, { heard, drawn }) {
    this.#message = message
    this.#heard = heard
    this.#drawn = drawn
  }

  close() {
    this.#part = null
    this.#cancelWrite()
  }

  /** Call after a newer rendering of the message was put in its place. */
  rendered() {
    if (this.#beginsAgain()) [this.#buffer, this.#gradual] = [new DeltaBuffer(), new GradualText()]
  }

  // With fewer words than have come, or with others, the reply begins again: what came before was the model's thinking,
  // or of another attempt. Words that are only ahead of what is rendered come once more with the next part.
  #beginsAgain() {
    const tail = this.#tail
    if (!tail) return false
    const [offset, words] = [Number(tail.dataset.offset), tail.textContent]
    if (this.#buffer.end <= offset + words.length) return false
    return !words || !this.#buffer.textAfter(offset).startsWith(words)
  }

  get #tail() {
    return this.#message.querySelector("[data-tail]")
  }

  /** Shows what has come beyond the tail as it has just been drawn. */
  continueTail() {
    ;[this.#drawnWords, this.#shown] = [this.#tail.textContent, null]
    this.#writeTail()
  }

  receive({ offset, text }) {
    const isNew = offset + text.length > this.#buffer.end
    this.#buffer.add(offset, text)
    if (isNew) this.#gradual.add(performance.now())
    this.#heard()
    this.#writeSoon()
  }

  /** What is drawn of a part is shown when its words are, which have just come as a delta. */
  grow(part) {
    this.drawPart()
    ;[this.#part, this.#partAt] = [part, this.#gradual.until]
    if (part.target) this.#writeSoon()
    else this.drawPart()
  }

  /** Draws the part that waits. Finished blocks are put before the open one; those that do not follow what is here come
   * with the message. */
  drawPart() {
    const [part, message] = [this.#part, this.#message]
    this.#part = null
    if (!part || part.seq <= Number(message.dataset.seq)) return
    const text = slot(message, "text")
    if (part.target && part.before !== Number(text.dataset.closed)) return
    message.dataset.seq = part.seq
    if (!part.target) return this.receive(part)
    const open = text.querySelector("[data-open]")
    if (part.html) {
      open.before(...parse(part.html).childNodes)
      text.dataset.closed = part.closed
    }
    const drawn = open.cloneNode(false)
    drawn.append(...parse(part.open).childNodes)
    morph(open, drawn)
    this.#drawn()
  }

  // In the next frame, but not in each of them, as each write lays the message out.
  #writeSoon() {
    const wait = this.#wroteAt + WRITE_EVERY_MS - performance.now()
    this.#timer ||= setTimeout(() => (this.#frame = requestAnimationFrame(this.#writeTail)), Math.max(wait, 0))
  }

  #cancelWrite() {
    clearTimeout(this.#timer)
    cancelAnimationFrame(this.#frame)
    this.#timer = 0
  }

  #writeTail = (at = performance.now()) => {
    this.#cancelWrite()
    this.#wroteAt = performance.now()
    if (this.#part && at >= this.#partAt) this.drawPart()
    const tail = this.#tail
    if (!tail) return
    const offset = Number(tail.dataset.offset)
    const all = this.#drawnWords + this.#buffer.textAfter(offset + this.#drawnWords.length)
    const length = this.#gradual.lengthAt(at, offset + all.length, offset + this.#drawnWords.length) - offset
    const text = all.slice(0, length).replace(HALF_EMOJI, "")
    if (this.#part || text.length < all.length) this.#writeSoon()
    if (text === this.#shown) return
    this.#shown = text
    showGrowing(tail, text)
  }
}

// The beginnings of marks are not shown: with the next letters they become a list, a heading, or the end of code.
const HALF_MARK = /^[ \t]*(?:[`~#>|*+-]+|`{3,}\w*|\|[ |:-]*)$/
const HALF_FENCE = /^[ \t]*(?:``*|~+)$/ // in code all other marks are its own
const HALF_EMOJI = /[\ud800-\udbff]$/
const CODE_ENDS = /\n {0,3}[`~]{3,}[ \t]*(?:\n|$)/

// Shows words that are not drawn yet. A new paragraph among them is as far from the one before as it will be when
// drawn.
function showGrowing(tail, text) {
  const box = tail.closest("pre, td, th")
  const words = withoutHalves(text.trimEnd(), box?.localName === "pre" ? HALF_FENCE : HALF_MARK)
  const paragraphs = words.split(box?.localName === "pre" ? CODE_ENDS : /\n{2,}/)
  if (box) paragraphs.length = 1 // what follows code or a table is shown when it is drawn
  if (tail.closest("td, th")) paragraphs[0] = paragraphs[0].trimStart()
  const gap = () => document.importNode(document.getElementById("message_gap").content, true)
  tail.replaceChildren(...paragraphs.flatMap((each, index) => (index ? [gap(), each] : [each])))
}

function withoutHalves(words, half) {
  const begin = () => words.lastIndexOf("\n") + 1
  while (half.test(words.slice(begin()))) words = words.slice(0, begin()).trimEnd()
  return words
}
