// What an element does with the server, and what it shows where that is refused.
import { setText, slot } from "./dom.js"

/** Runs an asynchronous action of an element; the error's message is shown in its slot "problem". */
export async function attempt(element, action) {
  const problem = slot(element, "problem")
  problem.hidden = true
  try {
    await action()
  } catch (error) {
    problem.hidden = false
    setText(problem, error.message)
  }
}
