// <typing-notice>: who is typing now. A name goes five seconds after it was last heard of.
import { slot, write } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"
import { live } from "../live.js"

const FORGET_MS = 5000

export class TypingNotice extends HTMLElement {
  #off = null
  #timers = new Map()

  connectedCallback() {
    this.#off = live.on("typing", ({ user_id: id }) => id !== viewer() && this.#hear(id))
  }

  disconnectedCallback() {
    this.#off()
    this.#timers.forEach((timer) => clearTimeout(timer))
  }

  #hear(id) {
    clearTimeout(this.#timers.get(id))
    this.#timers.set(id, setTimeout(() => this.#forget(id), FORGET_MS))
    this.#show()
  }

  #forget(id) {
    this.#timers.delete(id)
    this.#show()
  }

  #show() {
    const names = [...this.#timers.keys()].map((id) => document.querySelector(`[data-member="${CSS.escape(id)}"] [data-slot="name"]`)?.textContent ?? "Somebody").map(isolate)
    this.dataset.shown = names.length ? "yes" : "no"
    if (names.length) write(slot(this, "words"), names.length > 2 ? "Several people are writing …" : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} writing …`)
  }
}

customElements.define("typing-notice", TypingNotice)
