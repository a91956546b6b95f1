// <credit-balance data-kind>: one kind's credits as a ring and in words, with the time of the next one counting down.
import { slot, write } from "../helpers/dom.js"
import { clockTime, everySecond, secondsUntil, span } from "../helpers/time.js"
import { live } from "../live.js"

export class CreditBalance extends HTMLElement {
  #off = []

  connectedCallback() {
    this.#off = [live.on("credits", (event) => this.show(event[this.dataset.kind])), everySecond(() => this.#words())]
    this.#words()
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  show({ limit, left, held, next_at: next }) {
    Object.assign(this.dataset, { limit, left, held, next: next ?? "" })
    const whole = Math.max(limit, 1)
    for (const [name, length] of [["left", left], ["held", left + held]]) {
      slot(this, name).setAttribute("pathLength", whole)
      slot(this, name).setAttribute("stroke-dasharray", `${length} ${whole}`)
    }
    write(slot(this, "number"), String(left))
    this.#words()
  }

  #words() {
    const { limit, left, held, next } = this.dataset
    const parts = [`${left} of ${limit} left`]
    const brief = "brief" in this.dataset && Number(left) > 0
    if (Number(held) && !brief) parts.push(`${held} held`)
    if (!brief && Number(left) < Number(limit) && next && secondsUntil(next) > 0) parts.push(`next in ${span(secondsUntil(next))}`)
    write(slot(this, "words"), parts.join(" · "))
    this.title = next && Number(left) === 0 ? `The next credit comes at ${clockTime(next)}` : ""
  }
}

customElements.define("credit-balance", CreditBalance)
