// <session-stats>: the session's counts, the usual duration of a picture and the length of the queue.
import { setText, slot } from "../helpers/dom.js"
import { formatDuration } from "../helpers/time.js"
import { setUsualDurations } from "../models/usual_duration.js"
import { socket } from "../socket.js"

const number = new Intl.NumberFormat()

export class SessionStats extends HTMLElement {
  #unsubscribe = null

  connectedCallback() {
    this.#unsubscribe = socket.on("stats", (stats) => this.#show(stats))
  }

  disconnectedCallback() {
    this.#unsubscribe()
  }

  #show(stats) {
    const usual = stats.median_seconds ?? null
    setUsualDurations(stats.usual)
    for (const name of ["images", "videos", "messages"]) setText(slot(this, name), number.format(stats[name]))
    setText(slot(this, "tokens"), `${number.format(stats.tokens_in)} in · ${number.format(stats.tokens_out)} out`)
    setText(slot(this, "usual"), usual ? formatDuration(usual) : "not known yet")
    setText(slot(this, "queue"), stats.queue_length ? number.format(stats.queue_length) : "empty")
  }
}

customElements.define("session-stats", SessionStats)
