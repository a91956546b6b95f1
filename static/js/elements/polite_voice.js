// <polite-voice>: the one live region. Screen readers hear only what matters.
import { write } from "../helpers/dom.js"
import { clockTime } from "../helpers/time.js"
import { live } from "../live.js"

export class PoliteVoice extends HTMLElement {
  #off = []
  #hadCredits = true

  connectedCallback() {
    this.#off = [
      live.on("finished", ({ noun }) => this.say(`${noun} ready.`)),
      live.on("ended", ({ noun, status }) => this.say(status === "failed" ? `${noun} failed. 1 credit returned.` : `${noun} cancelled. The credit came back.`)),
      live.on("said", (message) => this.say(`${message.getAttribute("aria-label")} answered.`)),
      live.on("credits", ({ image }) => this.#count(image)),
    ]
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  say(words) {
    write(this, words)
  }

  #count({ limit, left, next_at: next }) {
    const has = left > 0 || limit === 0
    if (this.#hadCredits && !has) this.say(next ? `No credits left until ${clockTime(next)}.` : "No credits left.")
    this.#hadCredits = has
  }
}

customElements.define("polite-voice", PoliteVoice)
