// Questions to the server, and whether one without an answer is worth asking again.
export const ASK_AGAIN_MS = 5000
const TOO_SLOW = 408
const TOO_MANY = 429

/**
 * Asks for a text by GET.
 * @returns {Promise<{text: string | null, again?: number | null}>} without a text, `again` is in how many milliseconds
 *   to ask once more; null where it is refused for good. Of a page whose sign-in has ended the sign-in page takes the
 *   place; the chat page is told so by its connection.
 */
export async function fetchText(address) {
  const answer = await fetch(address).catch(() => null)
  const text = answer?.ok ? await answer.text().catch(() => null) : null
  if (text !== null) return { text }
  if (answer?.status === 401 && !document.querySelector("chat-room")) await leave()
  return { text, again: pauseAfter(answer) }
}

// Nothing is done any more with an answer to a page that is being left.
function leave() {
  location.reload()
  return new Promise(() => {})
}

// One that has not come, or has broken off, may come the next time.
function pauseAfter(answer) {
  if (!answer || answer.ok) return ASK_AGAIN_MS
  const { status, headers } = answer
  if (status < 500 && status !== TOO_SLOW && status !== TOO_MANY) return null
  return 1000 * Number(headers.get("Retry-After")) || ASK_AGAIN_MS
}
