const UNREACHABLE = "The server cannot be reached right now. Please try again."

/**
 * Calls the HTTP API as the signed-in person.
 * @param {boolean} options.keepalive sends the request even while the page is being left
 * @returns {Promise<object | null>} the answer's JSON, null for 204; rejects with an Error whose message is for people,
 *   and whose `status` is that of a refusal
 */
export async function call(method, path, body, { keepalive = false } = {}) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    keepalive,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  }).catch(() => null)
  if (!answer) throw new Error(UNREACHABLE)
  const value = answer.status === 204 ? null : await answer.json().catch(() => undefined) // it broke off, or is no JSON
  if (!answer.ok) throw refused(answer, value?.error)
  if (value === undefined) throw new Error(UNREACHABLE)
  return value
}

function refused({ status }, error) {
  return Object.assign(new Error(error?.message ?? "That did not work. Please try again."), { status })
}
