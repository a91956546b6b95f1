// <connection-status>: the state of the connection. Reconnecting and offline are shown after three seconds, with the
// number of commands that wait.
import { bus } from "../bus.js"
import { setText, slot, unlessMoved } from "../helpers/dom.js"
import { socket } from "../socket.js"

const DELAY_MS = 3000 // most interruptions are shorter
const WORDS = {
  live: "Live",
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  offline: "Offline",
  crowded: "Too many tabs",
  stopped: "Ended",
}
const INTERRUPTED = new Set(["reconnecting", "offline", "crowded"])
const SHOWN_AT_ONCE = new Set(["live", "crowded", "stopped"])

export class ConnectionStatus extends HTMLElement {
  #subscriptions = []
  #timer = null

  connectedCallback() {
    const showWords = () => this.#showWords()
    this.#subscriptions = [
      bus.on("connection-state", () => this.#onState()),
      bus.on("command-sent", showWords),
      bus.on("command-accepted", showWords),
      bus.on("command-refused", showWords),
    ]
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    unlessMoved(this, () => clearTimeout(this.#timer))
  }

  #onState() {
    clearTimeout(this.#timer)
    if (SHOWN_AT_ONCE.has(socket.state)) this.#show()
    else this.#timer = setTimeout(() => this.#show(), DELAY_MS)
  }

  #show() {
    this.dataset.state = socket.state
    this.#showWords()
  }

  #showWords() {
    const { state, pending } = socket
    if (this.dataset.state !== state) return
    setText(slot(this, "words"), WORDS[state])
    const waits = pending.length > 0 && INTERRUPTED.has(state)
    setText(slot(this, "waiting"), waits ? ` · ${pending.length} waiting to be sent` : "")
  }
}

customElements.define("connection-status", ConnectionStatus)
