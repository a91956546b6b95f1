// <typing-notice>: who is typing now, and who has just joined. A name disappears five seconds after its last typing
// event.
import { bus } from "../bus.js"
import { setText, slot, unlessMoved } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"
import { socket } from "../socket.js"

const EXPIRE_MS = 5000
const JOINED_MS = 8000

export class TypingNotice extends HTMLElement {
  #subscriptions = []
  #timers = new Map()
  #joined = ""
  #joinedTimer = null

  connectedCallback() {
    this.#subscriptions = [
      socket.on("typing", ({ user_id: id }) => id !== viewer() && this.#add(id)),
      bus.on("member-joined", ({ name }) => this.#greet(name)),
    ]
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    unlessMoved(this, () => [this.#joinedTimer, ...this.#timers.values()].forEach(clearTimeout))
  }

  #greet(name) {
    this.#joined = `${isolate(name)} joined`
    clearTimeout(this.#joinedTimer)
    this.#joinedTimer = setTimeout(() => {
      this.#joined = ""
      this.#show()
    }, JOINED_MS)
    this.#show()
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
    const words = names.length ? describe(names) : this.#joined
    this.dataset.shown = words ? "yes" : "no"
    if (words) setText(slot(this, "words"), words)
  }
}

function describe(names) {
  if (names.length > 2) return "Several people are writing …"
  return `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} writing …`
}

customElements.define("typing-notice", TypingNotice)
