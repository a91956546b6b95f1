// <session-stats>: the session's counts, the usual duration of what the composer would ask for, and the length of the
// queue.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { formatDuration } from "../helpers/time.js"
import { askedDuration, setUsualDurations } from "../models/usual_duration.js"
import { socket } from "../socket.js"

export class SessionStats extends HTMLElement {
  #subscriptions = []
  #isTold = false

  connectedCallback() {
    this.#subscriptions = [
      socket.on("stats", (stats) => this.#show(stats)),
      bus.on("settings-changed", () => this.#isTold && this.#showUsual()),
    ]
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  #show(stats) {
    this.#isTold = true
    setUsualDurations(stats.usual)
    for (const name of ["images", "videos", "messages"]) setText(slot(this, name), stats[name].toLocaleString())
    setText(slot(this, "tokens"), `${stats.tokens_in.toLocaleString()} in · ${stats.tokens_out.toLocaleString()} out`)
    setText(slot(this, "queue"), stats.queue_length ? stats.queue_length.toLocaleString() : "empty")
    this.#showUsual()
  }

  #showUsual() {
    const usual = askedDuration()
    setText(slot(this, "usual"), usual ? formatDuration(usual) : "not known yet")
  }
}

customElements.define("session-stats", SessionStats)
