// What was typed and not sent, per session; and what was sent, to be recalled. Both are their author's alone.
import { keep, recall } from "../helpers/storage.js"

const MOST_RECALLED = 50
const SENT = "sent"

export class Drafts {
  #key
  #index = -1
  #typed = ""

  constructor(session) {
    this.#key = `draft:${session}`
  }

  load() {
    return recall(this.#key)
  }

  save(draft) {
    keep(this.#key, draft)
  }

  remember(text) {
    const others = this.#sent.filter((each) => each !== text)
    keep(SENT, [text, ...others].slice(0, MOST_RECALLED))
    this.#index = -1
  }

  // One step back (1) or forth (-1) among what was sent; forth from the newest gives back what was being typed.
  recall(step, typed) {
    if (this.#index === -1) this.#typed = typed
    const index = this.#index + step
    if (index < -1 || index >= this.#sent.length) return null
    this.#index = index
    return index === -1 ? this.#typed : this.#sent[index]
  }

  get #sent() {
    return recall(SENT) ?? []
  }
}
