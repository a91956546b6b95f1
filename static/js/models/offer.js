// What pressing the button would do now: the wish, its price, and every reason against it.
import { countdown, secondsUntil } from "../helpers/time.js"
import { price, reasons } from "./order.js"

// Said only where there is a keyboard to press it on.
const BACK = matchMedia("(any-hover: hover)").matches ? " · Esc goes back to words" : ""

export class Offer {
  // `situation`: expired, mayGenerate, balance of the wish's kind, maxCount and plan, as `reasons` takes them.
  constructor(wanted, situation) {
    this.wanted = wanted
    this.balance = situation.balance
    this.against = reasons(wanted, situation)
    this.later = this.against.length === 0 && wanted.count > this.balance.left
  }

  get label() {
    if (!this.later) return price(this.wanted, this.balance.left)
    const next = this.balance.next_at
    return next ? `Run when credits return · ${countdown(secondsUntil(next))}` : "Run when credits return"
  }

  get advice() {
    if (this.later) return "Not enough credits left. Press once, and it runs by itself when they are back."
    return this.against.join(" ") || `${this.wanted.width} × ${this.wanted.height} pixels${BACK}`
  }
}
