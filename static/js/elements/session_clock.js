// <session-clock data-expires data-status>: the time left, calm until its last ten minutes.
import { slot, write } from "../helpers/dom.js"
import { countdown, everySecond, secondsUntil, span } from "../helpers/time.js"
import { live } from "../live.js"

const CALM_SECONDS = 600

export class SessionClock extends HTMLElement {
  #off = []

  connectedCallback() {
    this.#off = [live.on("session", ({ session }) => this.#change(session)), everySecond(() => this.show())]
    this.show()
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  show() {
    const left = secondsUntil(this.dataset.expires)
    const over = this.dataset.status === "expired" || left <= 0
    this.dataset.state = over ? "over" : left <= CALM_SECONDS ? "soon" : "calm"
    write(slot(this, "left"), over ? "Time is up" : left <= CALM_SECONDS ? countdown(left) : span(left))
    write(slot(this, "ends-word"), over ? "Ended" : "Ends")
  }

  #change({ expires_at: expires, status }) {
    Object.assign(this.dataset, { expires, status })
    const time = this.querySelector("time")
    if (time) time.dateTime = expires
    this.querySelector("local-time")?.show()
    this.show()
  }
}

customElements.define("session-clock", SessionClock)
