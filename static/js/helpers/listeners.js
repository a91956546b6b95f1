// Calls each of them; one that throws is reported, and stops neither the others nor what comes after.
export function callEach(listeners, ...values) {
  for (const listener of [...listeners]) {
    try {
      listener(...values)
    } catch (error) {
      reportError(error)
    }
  }
}
