// <session-stats>: this session's counts, the usual time of a picture and the queue's length now.
import { slot, write } from "../helpers/dom.js"
import { span } from "../helpers/time.js"
import { live } from "../live.js"

const number = new Intl.NumberFormat()
let usual = null

// The usual seconds of a picture, or null where none is known yet.
export function usualSeconds() {
  return usual
}

export class SessionStats extends HTMLElement {
  #off = null

  connectedCallback() {
    usual = Number(slot(this, "usual").dataset.seconds) || null
    this.#off = live.on("stats", (event) => this.show(event))
  }

  disconnectedCallback() {
    this.#off()
  }

  show(stats) {
    usual = stats.median_seconds ?? null
    for (const name of ["images", "videos", "messages"]) write(slot(this, name), number.format(stats[name]))
    write(slot(this, "tokens"), `${number.format(stats.tokens_in)} in · ${number.format(stats.tokens_out)} out`)
    write(slot(this, "usual"), usual ? span(usual) : "not known yet")
    write(slot(this, "queue"), stats.queue_length ? number.format(stats.queue_length) : "empty")
  }
}

customElements.define("session-stats", SessionStats)
