// <connection-status>: live, reconnecting (said after three seconds), offline with what waits, too many tabs, or over.
import { slot, write } from "../helpers/dom.js"
import { live } from "../live.js"

const PATIENCE_MS = 3000 // most breaks are over before anybody needs to know
const AT_ONCE = new Set(["live", "crowded", "stopped"])

export class ConnectionStatus extends HTMLElement {
  #off = []
  #timer = null

  connectedCallback() {
    const count = () => this.#count()
    this.#off = [live.on("state", () => this.#change()), live.on("sent", count), live.on("accepted", count), live.on("refused", count)]
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
    clearTimeout(this.#timer)
  }

  #change() {
    clearTimeout(this.#timer)
    if (AT_ONCE.has(live.state)) this.#show()
    else this.#timer = setTimeout(() => this.#show(), PATIENCE_MS)
  }

  #show() {
    this.dataset.state = live.state
    this.#count()
  }

  #count() {
    if (this.dataset.state === live.state) write(slot(this, "words"), this.#words(live.waiting.length))
  }

  #words(waiting) {
    const kept = waiting ? ` · ${waiting} waiting to be sent` : ""
    return { live: "Live", connecting: "Connecting", reconnecting: `Reconnecting${kept}`, offline: `Offline${kept}`, crowded: `Too many tabs${kept}`, stopped: "Ended" }[live.state]
  }
}

customElements.define("connection-status", ConnectionStatus)
