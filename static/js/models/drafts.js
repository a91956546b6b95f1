// The text that was typed and not sent, per session and tab, and the texts that were sent, for recall. All belong to
// the person who is signed in.
import { newId } from "../helpers/ids.js"
import { readStored, writeStored } from "../helpers/storage.js"
import { takePrompt } from "../helpers/waiting_prompt.js"

const MOST_RECALLED = 50
const MOST_TABS = 5
const SENT = "sent"

export class Drafts {
  #key
  #tab = tabId()
  #index = -1
  #typed = ""

  constructor(session) {
    this.#key = `drafts:${session}`
  }

  /**
   * This tab's draft of the session, in a new tab the newest one of all; or a prompt that waits for one. Null without
   * either.
   */
  load() {
    const all = this.#all
    const draft = all.find(({ tab }) => tab === this.#tab) ?? all.find(({ text }) => text) ?? all[0]
    return draft?.text ? draft : takePrompt() ?? draft ?? null
  }

  save(draft) {
    const others = this.#all.filter(({ tab }) => tab !== this.#tab)
    writeStored(this.#key, [{ ...draft, tab: this.#tab }, ...others].slice(0, MOST_TABS))
  }

  /** Adds a text to those that can be recalled. It is no draft any more, in no tab. */
  addSent(text) {
    const others = this.#sent.filter((each) => each !== text)
    writeStored(SENT, [text, ...others].slice(0, MOST_RECALLED))
    writeStored(this.#key, this.#all.filter((each) => each.tab === this.#tab || each.text.trim() !== text.trim()))
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

  get #all() {
    return readStored(this.#key) ?? []
  }

  get #sent() {
    return readStored(SENT) ?? []
  }
}

// The same after a reload. Without storage there is nothing that would have to be told apart.
function tabId() {
  try {
    return (sessionStorage.tab ??= newId())
  } catch {
    return ""
  }
}
