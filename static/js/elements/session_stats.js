// <session-stats>: the session's counts, the usual duration of a picture and the length of the queue.
import { setText, slot } from "../helpers/dom.js"
import { formatDuration } from "../helpers/time.js"
import { setUsualDurations } from "../models/usual_duration.js"
import { socket } from "../socket.js"

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
    for (const name of ["images", "videos", "messages"]) setText(slot(this, name), stats[name].toLocaleString())
    setText(slot(this, "tokens"), `${stats.tokens_in.toLocaleString()} in · ${stats.tokens_out.toLocaleString()} out`)
    setText(slot(this, "usual"), usual ? formatDuration(usual) : "not known yet")
    setText(slot(this, "queue"), stats.queue_length ? stats.queue_length.toLocaleString() : "empty")
  }
}

customElements.define("session-stats", SessionStats)
