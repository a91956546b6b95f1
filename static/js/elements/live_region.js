// <live-region aria-live="polite">: the page's one live region. It announces only what a screen reader's user must
// know.
import { bus } from "../bus.js"
import { formatClock } from "../helpers/time.js"
import { socket } from "../socket.js"

const KEPT = 10 // sentences: more than are said at once

export class LiveRegion extends HTMLElement {
  #subscriptions = []
  #hadCredits = true

  connectedCallback() {
    this.#subscriptions = [
      bus.on("generation-done", ({ noun }) => this.announce(`${noun} ready.`)),
      bus.on("generation-ended", (generation) => this.#announceEnd(generation)),
      bus.on("upload-slow", ({ name, percent }) => this.announce(`${percent} percent of ${name} sent.`)),
      bus.on("reply-slow", () => this.announce("The assistant is thinking.")),
      bus.on("reply-completed", (reply) => this.#announceReply(reply)),
      bus.on("message-arrived", ({ author, words }) => this.announce(`${author}: ${words}`)),
      bus.on("member-joined", ({ name }) => this.announce(`${name} joined.`)),
      socket.on("credits", ({ image }) => this.#watchCredits(image)),
    ]
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  /** Makes screen readers speak a sentence. Each is a node of its own: it may be the same as the one before, or come at
   * the same time as another. */
  announce(text) {
    this.append(Object.assign(document.createElement("p"), { textContent: text }))
    if (this.childElementCount > KEPT) this.firstElementChild.remove()
  }

  #announceReply({ author, failed }) {
    this.announce(failed ? `The answer of ${author} broke off.` : `${author} answered.`)
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
