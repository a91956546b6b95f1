// The text that was typed and not sent, per session, and the texts that were sent, for recall. Both belong to the
// person who is signed in.
import { readStored, writeStored } from "../helpers/storage.js"
import { takePrompt } from "../helpers/waiting_prompt.js"

const MOST_RECALLED = 50
const SENT = "sent"

export class Drafts {
  #key
  #index = -1
  #typed = ""

  constructor(session) {
    this.#key = `draft:${session}`
  }

  /** The draft of this session, or a prompt that waits for one; null without either. */
  load() {
    const draft = readStored(this.#key)
    return draft?.text ? draft : takePrompt() ?? draft
  }

  save(draft) {
    writeStored(this.#key, draft)
  }

  /** Adds a text to those that can be recalled. */
  addSent(text) {
    const others = this.#sent.filter((each) => each !== text)
    writeStored(SENT, [text, ...others].slice(0, MOST_RECALLED))
    this.#index = -1
  }

  /**
   * One step back (1) or forward (-1) through the texts that were sent; forward from the newest is what was being
   * typed. Null at the end.
   */
  recall(step, typed) {
    if (this.#index === -1) this.#typed = typed
    const index = this.#index + step
    if (index < -1 || index >= this.#sent.length) return null
    this.#index = index
    return index === -1 ? this.#typed : this.#sent[index]
  }

  get #sent() {
    return readStored(SENT) ?? []
  }
}
