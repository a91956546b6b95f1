import { formatClock } from "../helpers/time.js"

/** Both kinds' credits as the page was rendered; events of type `credits` bring the later ones. */
export function renderedBalances() {
  const balances = {}
  for (const { dataset } of document.querySelectorAll("#details credit-balance")) {
    const { kind, limit, left, held, next } = dataset
    balances[kind] = { limit: Number(limit), left: Number(left), held: Number(held), next_at: next || null }
  }
  return balances
}

/** The time of day at which there are enough credits, or an empty string: only the time of the next one is known. */
export function timeOfCredits({ left, next_at: next }, count) {
  return next && count - left === 1 ? formatClock(next) : ""
}
