// <typing-notice>: who is typing now. A name disappears five seconds after its last typing event.
import { setText, slot } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"
import { socket } from "../socket.js"

const EXPIRE_MS = 5000

export class TypingNotice extends HTMLElement {
  #unsubscribe = null
  #timers = new Map()

  connectedCallback() {
    this.#unsubscribe = socket.on("typing", ({ user_id: id }) => id !== viewer() && this.#add(id))
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.#timers.forEach((timer) => clearTimeout(timer))
  }

  #add(id) {
    clearTimeout(this.#timers.get(id))
    this.#timers.set(
      id,
      setTimeout(() => this.#remove(id), EXPIRE_MS),
    )
    this.#show()
  }

  #remove(id) {
    this.#timers.delete(id)
    this.#show()
  }

  #show() {
    const members = document.querySelector("presence-list")
    const names = [...this.#timers.keys()].map((id) => isolate(members.nameOf(id) ?? "Somebody"))
    this.dataset.shown = names.length ? "yes" : "no"
    if (names.length) setText(slot(this, "words"), describe(names))
  }
}

function describe(names) {
  if (names.length > 2) return "Several people are writing …"
  return `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} writing …`
}

customElements.define("typing-notice", TypingNotice)
