const UNDO_MS = 5000

/**
 * Runs an action after five seconds, in which it can be undone, or at once when the page is left, which it is told.
 * @returns {() => void} a function that cancels it
 */
export function afterUndoPeriod(action) {
  const cancel = () => {
    clearTimeout(timer)
    removeEventListener("pagehide", run)
  }
  const run = (leaving) => {
    cancel()
    action(Boolean(leaving))
  }
  const timer = setTimeout(run, UNDO_MS)
  addEventListener("pagehide", run, { once: true })
  return cancel
}
