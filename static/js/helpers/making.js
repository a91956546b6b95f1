// Requests that make something. One whose answer was lost is sent again, by itself or with the next press, under the
// key that it had: then it is made once.
import { askTwice, call } from "./api.js"
import { newId } from "./ids.js"

const unanswered = new Map() // keys, by what was asked for

/** Makes something by `POST path`. Resolves with the answer and rejects as `call` does. */
export async function make(path, body) {
  const asked = `${path} ${JSON.stringify(body)}`
  const key = unanswered.get(asked) ?? newId()
  unanswered.set(asked, key)
  try {
    const made = await askTwice(() => call("POST", path, { ...body, client_id: key }))
    unanswered.delete(asked)
    return made
  } catch (error) {
    if (isRefusal(error)) unanswered.delete(asked)
    throw error
  }
}

// What else is answered, such as that the server is busy, leaves open what has become of it.
const isRefusal = ({ status }) => status >= 400 && status < 500
