// <live-region aria-live="polite">: the page's one live region. It announces only what a screen reader's user must
// know.
import { bus } from "../bus.js"
import { setText } from "../helpers/dom.js"
import { formatClock } from "../helpers/time.js"
import { socket } from "../socket.js"

export class LiveRegion extends HTMLElement {
  #subscriptions = []
  #hadCredits = true

  connectedCallback() {
    this.#subscriptions = [
      bus.on("generation-done", ({ noun }) => this.announce(`${noun} ready.`)),
      bus.on("generation-ended", (generation) => this.#announceEnd(generation)),
      bus.on("upload-slow", ({ name, percent }) => this.announce(`${percent} percent of ${name} sent.`)),
      bus.on("reply-slow", () => this.announce("The assistant is thinking.")),
      bus.on("reply-completed", ({ author }) => this.announce(`${author} answered.`)),
      bus.on("member-joined", ({ name }) => this.announce(`${name} joined.`)),
      socket.on("credits", ({ image }) => this.#watchCredits(image)),
    ]
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  /** Makes screen readers speak a sentence. */
  announce(text) {
    setText(this, text)
  }

  #announceEnd({ noun, status }) {
    const failed = status === "failed"
    this.announce(failed ? `${noun} failed. 1 credit returned.` : `${noun} cancelled. The credit came back.`)
  }

  #watchCredits({ limit, left, next_at: next }) {
    const hasCredits = left > 0 || limit === 0
    if (this.#hadCredits && !hasCredits) {
      this.announce(next ? `No credits left until ${formatClock(next)}.` : "No credits left.")
    }
    this.#hadCredits = hasCredits
  }
}

customElements.define("live-region", LiveRegion)
