// Work of elements that waits for the first frame of the page, before it is painted. While elements are set up, which
// is one long task, nothing asks for the layout, which the next element would change, nor for the reader's language,
// which a browser takes 12 ms to look up at first.
import { callEach } from "./listeners.js"

let waiting = []

requestAnimationFrame(() => {
  const tasks = waiting
  waiting = null
  callEach(tasks)
})

/** Calls back in the first frame, in the order of the calls; after that at once. */
export function inFirstFrame(task) {
  if (waiting) waiting.push(task)
  else task()
}
