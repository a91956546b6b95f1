// What pressing the button would do now: the request, its price, and what prevents it.
import { formatClock } from "../helpers/time.js"
import { timeOfCredits } from "./balances.js"
import { priceLabel, problems } from "./generation_request.js"

export class Quote {
  /**
   * @param {object} request the fields of `generation.create`
   * @param {object} context `expired`, `mayGenerate`, `balance` of the request's kind, `maxCount`, `plan`, `uploading`
   */
  constructor(request, context) {
    this.request = request
    this.balance = context.balance
    /** What prevents it and cannot be known from an empty box. */
    this.obstacles = problems(request, context)
    /** Everything that prevents it; missing credits do not, as the prompt can wait for them. */
    this.problems = request.prompt ? this.obstacles : [...this.obstacles, `Describe the ${noun(request)} first.`]
    this.lacksCredits = request.count > this.balance.left
    /** Nothing but missing credits prevents it: it can be deferred until they are back. */
    this.deferred = this.lacksCredits && this.problems.length === 0
  }

  /** The text of the button. */
  get label() {
    const { count, kind } = this.request
    const { limit, left, next_at: next } = this.balance
    if (limit === 0) return `No ${kind} credits`
    if (!this.lacksCredits || count > limit) return priceLabel(this.request, left)
    const time = timeOfCredits(this.balance, count)
    if (this.deferred) return time ? `Run at ${time}` : `Run when ${count} credits are back`
    const lack = left ? `${left} of ${count} credits left` : "No credits"
    return next ? `${lack} · next at ${formatClock(next)}` : lack
  }
}

function noun({ kind, change }) {
  if (change === "edit") return "change"
  return kind === "video" ? "clip" : "picture"
}
