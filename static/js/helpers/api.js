/** What is told where there was no answer. */
export const UNREACHABLE = "The server cannot be reached right now. Please try again."
const SIGNED_OUT = "You were signed out. Reload the page to sign in again."

/**
 * Calls the HTTP API as the signed-in person.
 * @param {boolean} options.keepalive sends the request even while the page is being left
 * @returns {Promise<object | null>} the answer's JSON, null for 204; rejects with an Error whose message is for people,
 *   and whose `status` is that of a refusal
 */
export function call(method, path, body, { keepalive = false } = {}) {
  const headers = { "Content-Type": "application/json" }
  return ask(path, { method, keepalive, headers, body: body && JSON.stringify(body) })
}

/** Sends a request to the HTTP API as `fetch` takes it; resolves and rejects as `call` does. */
export async function ask(path, request) {
  const answer = await fetch(`/api/v1${path}`, request).catch(() => null)
  if (!answer) throw new Error(UNREACHABLE)
  const value = answer.status === 204 ? null : await answer.json().catch(() => undefined) // it broke off, or is no JSON
  if (!answer.ok) throw refused(answer, value?.error)
  if (value === undefined) throw new Error(UNREACHABLE)
  return value
}

/** Deletes something. What is gone already, as after a press in another tab, is as it should be. */
export function remove(path, options) {
  return call("DELETE", path, undefined, options).catch((error) => {
    if (error.status !== 404) throw error
  })
}

/** Asks once more where there was no answer: for what the server takes once. */
export function askTwice(question) {
  return question().catch((error) => {
    if (error.status) throw error
    return question()
  })
}

function refused({ status }, error) {
  const words = status === 401 ? SIGNED_OUT : (error?.message ?? "That did not work. Please try again.")
  return Object.assign(new Error(words), { status })
}
