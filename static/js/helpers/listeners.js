/** Calls each listener; one that throws is reported and does not stop the others. */
export function callEach(listeners, ...values) {
  for (const listener of [...listeners]) {
    try {
      listener(...values)
    } catch (error) {
      reportError(error)
    }
  }
}
