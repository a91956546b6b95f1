// What pressing the button would do now: the request, its price, and what prevents it.
import { formatCountdown, secondsUntil } from "../helpers/time.js"
import { priceLabel, problems } from "./generation_request.js"

// Only where there is a keyboard.
const BACK = matchMedia("(any-hover: hover)").matches ? " · Esc goes back to words" : ""

export class Quote {
  /**
   * @param {object} request the fields of `generation.create`
   * @param {object} context `expired`, `mayGenerate`, `balance` of the request's kind, `maxCount` and `plan`
   */
  constructor(request, context) {
    this.request = request
    this.balance = context.balance
    this.problems = problems(request, context)
    /** Nothing but missing credits prevents it: it can be deferred until they are back. */
    this.deferred = this.problems.length === 0 && request.count > this.balance.left
  }

  /** The text of the button. */
  get label() {
    if (!this.deferred) return priceLabel(this.request, this.balance.left)
    const next = this.balance.next_at
    return next ? `Run when credits return · ${formatCountdown(secondsUntil(next))}` : "Run when credits return"
  }

  /** The text below the button. */
  get advice() {
    if (this.deferred) return "Not enough credits left. Press once, and it runs by itself when they are back."
    return this.problems.join(" ") || `${this.request.width} × ${this.request.height} pixels${BACK}`
  }
}
