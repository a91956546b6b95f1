// <credit-balance data-kind>: one kind's credits as a ring and in words, with the time until the next one.
import { defineLater } from "../helpers/defining.js"
import { slot, setText } from "../helpers/dom.js"
import { everySecond, formatClock, formatDuration, secondsUntil } from "../helpers/time.js"
import { socket } from "../socket.js"

const SEPARATOR = " · "

export class CreditBalance extends HTMLElement {
  #subscriptions = []

  connectedCallback() {
    this.#subscriptions = [
      socket.on("credits", (balances) => this.#setBalance(balances[this.dataset.kind])),
      everySecond(() => this.#showWords()),
    ]
    this.#showWords()
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  #setBalance({ limit, left, held, next_at: next }) {
    Object.assign(this.dataset, { limit, left, held, next: next ?? "" })
    const whole = Math.max(limit, 1)
    for (const [name, length] of [
      ["left", left],
      ["held", left + held],
    ]) {
      slot(this, name).setAttribute("pathLength", whole)
      slot(this, name).setAttribute("stroke-dasharray", `${length} ${whole}`)
    }
    setText(slot(this, "number"), String(left))
    this.#showWords()
  }

  #showWords() {
    const { limit, left, held, next } = this.dataset
    const wait = next ? secondsUntil(next) : 0
    const spent = Number(left) === 0 && wait > 0
    const brief = "brief" in this.dataset
    const parts = [brief && spent ? "0 left" : `${left} of ${limit} left`]
    if (Number(held) && !brief) parts.push(`${held} held`)
    if ((spent || !brief) && Number(left) < Number(limit) && wait > 0) parts.push(`next in ${formatDuration(wait)}`)
    const words = slot(this, "words")
    if (words.textContent !== parts.join(SEPARATOR)) words.replaceChildren(...parts.flatMap(asFact))
    this.title = next && Number(left) === 0 ? `The next credit comes at ${formatClock(next)}` : ""
  }
}

// A line ends between two facts, never within one.
function asFact(text, index) {
  const fact = Object.assign(document.createElement("span"), { className: "balance__fact", textContent: text })
  return index ? [SEPARATOR, fact] : [fact]
}

defineLater("beside", "credit-balance", CreditBalance)
