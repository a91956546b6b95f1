// One call to the API by the person who signed in: fulfils with the answer, rejects with an Error in words for people.
// With `keepalive` it is made even where the page is just being left.
export async function call(method, path, body, { keepalive = false } = {}) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    keepalive,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  }).catch(() => null)
  if (!answer) throw new Error("The server cannot be reached right now. Please try again.")
  const value = answer.status === 204 ? null : await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Error(value.error?.message ?? "That did not work. Please try again.")
  return value
}
