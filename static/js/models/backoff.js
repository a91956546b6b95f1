const RESTARTING = 1012
const FLOODING = 4429
const [LEAST_MS, MOST_MS, RESTART_MS] = [500, 30_000, 5_000]

/**
 * Milliseconds until the next attempt to connect: exponential, with jitter so that not all pages return at once after a
 * restart. `reason` may name the seconds that the server asks for.
 */
export function reconnectDelay(code, reason, attempts, random = Math.random) {
  if (code === RESTARTING) return random() * RESTART_MS
  if (code === FLOODING) return 1000 * (Number(/[\d.]+/.exec(reason)?.[0]) || 10)
  return Math.max(LEAST_MS, random() * Math.min(MOST_MS, 2 * LEAST_MS * 2 ** attempts))
}
