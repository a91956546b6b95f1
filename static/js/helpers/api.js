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
export async function ask(path, request, send = fetch) {
  const answer = await send(`/api/v1${path}`, request).catch(() => null)
  if (!answer) throw new Error(UNREACHABLE)
  const value = answer.status === 204 ? null : await answer.json().catch(() => undefined) // it broke off, or is no JSON
  if (!answer.ok) throw refused(answer, value?.error)
  if (value === undefined) throw new Error(UNREACHABLE)
  return value
}

/**
 * Sends a file to the HTTP API; resolves and rejects as `call` does. `fetch` does not say how far a body has come.
 * @param {AbortSignal} options.signal gives it up
 * @param {(fraction: number) => void} options.onProgress is told how much has been sent
 */
export function upload(path, file, { signal, onProgress }) {
  return ask(path, { file, signal, onProgress }, sendFile)
}

function sendFile(address, { file, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const request = new XMLHttpRequest()
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total))
    request.addEventListener("load", () => resolve(new Response(request.response, { status: request.status })))
    for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, reject)
    signal.addEventListener("abort", () => request.abort())
    request.open("POST", address)
    request.setRequestHeader("Content-Type", "application/octet-stream")
    request.send(file)
  })
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
