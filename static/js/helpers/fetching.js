/** The text of an answer to GET; null where there is no answer, a refusal, or one that breaks off. */
export async function fetchText(address) {
  try {
    const answer = await fetch(address)
    return answer.ok ? await answer.text() : null
  } catch {
    return null
  }
}
