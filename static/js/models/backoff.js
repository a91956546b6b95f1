// How long to wait before the next try, in milliseconds: random, so that a restart is not followed by everybody at once.
const RESTARTING = 1012
const FLOODING = 4429
const [LEAST_MS, MOST_MS, RESTART_MS] = [500, 30_000, 5_000]

export function reconnectDelay(code, reason, tries, random = Math.random) {
  if (code === RESTARTING) return random() * RESTART_MS
  if (code === FLOODING) return 1000 * (Number(/[\d.]+/.exec(reason)?.[0]) || 10)
  return Math.max(LEAST_MS, random() * Math.min(MOST_MS, 2 * LEAST_MS * 2 ** tries))
}
