// Work of elements that waits for the first frame in which all of them are set up, before it is painted. While they are
// set up (defining.js), nothing asks for the layout, which the next element would change, nor for the reader's
// language, which a browser takes 12 ms to look up at first.
import { callEach } from "./listeners.js"

let waiting = []

// The last of all.
if (document.querySelector("chat-room")) customElements.whenDefined("chat-room").then(expectFrame)
else expectFrame()

function expectFrame() {
  requestAnimationFrame(() => {
    const tasks = waiting
    waiting = null
    callEach(tasks)
  })
}

/** Calls back in the first frame, in the order of the calls; after that at once. */
export function inFirstFrame(task) {
  if (waiting) waiting.push(task)
  else task()
}

/** Calls back in the first frame; after that in the next one. */
export function inNextFrame(task) {
  inFirstFrame(waiting ? task : () => requestAnimationFrame(task))
}
