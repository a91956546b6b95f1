// <session-clock data-expires data-status>: the time left; the last ten minutes are marked and count down by the
// second.
import { setText, slot } from "../helpers/dom.js"
import { everySecond, formatCountdown, formatDuration, secondsUntil } from "../helpers/time.js"
import { socket } from "../socket.js"

const SOON_SECONDS = 600

export class SessionClock extends HTMLElement {
  #subscriptions = []

  connectedCallback() {
    this.#subscriptions = [
      socket.on("session", ({ session }) => this.#setSession(session)),
      everySecond(() => this.#show()),
    ]
    this.#show()
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  #show() {
    const left = secondsUntil(this.dataset.expires)
    const over = this.dataset.status === "expired" || left <= 0
    const soon = left <= SOON_SECONDS
    this.dataset.state = over ? "over" : soon ? "soon" : "calm"
    setText(slot(this, "left"), over ? "Time is up" : soon ? formatCountdown(left) : formatDuration(left))
    setText(slot(this, "ends-word"), over ? "ended" : "ends")
  }

  #setSession({ expires_at: expires, status }) {
    Object.assign(this.dataset, { expires, status })
    this.querySelector("local-time")?.setTime(expires)
    this.#show()
  }
}

customElements.define("session-clock", SessionClock)
