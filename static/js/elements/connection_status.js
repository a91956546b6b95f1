// <connection-status>: the state of the connection. Reconnecting and offline are shown after three seconds, with the
// number of commands that wait.
import { bus } from "../bus.js"
import { setText, slot, unlessMoved } from "../helpers/dom.js"
import { socket } from "../socket.js"

const DELAY_MS = 3000 // most interruptions are shorter
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
    if (this.dataset.state === socket.state) setText(slot(this, "words"), describe(socket.state, socket.pending.length))
  }
}

function describe(state, pending) {
  const waiting = pending ? ` · ${pending} waiting to be sent` : ""
  const words = {
    live: "Live",
    connecting: "Connecting",
    reconnecting: `Reconnecting${waiting}`,
    offline: `Offline${waiting}`,
    crowded: `Too many tabs${waiting}`,
    stopped: "Ended",
  }
  return words[state]
}

customElements.define("connection-status", ConnectionStatus)
