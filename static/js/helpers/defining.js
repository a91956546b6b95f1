// When the chat page defines its elements. To define one sets up all of its kind that the page has; all of them at once
// would be one long task, in which nothing that is typed is heard. So the script itself defines what people write with;
// what costs beside the stream follows in a task of its own, and then the stream with all that is drawn in it, at once,
// as each frame between two of its elements would be laid out for nothing.
const tasks = { beside: [], stream: [] }
const isChat = document.querySelector("chat-room") !== null

/**
 * Defines an element in a later task, in the order of the calls; on pages without a chat at once.
 * @param {"beside"|"stream"} task
 */
export function defineLater(task, name, constructor) {
  if (isChat) tasks[task].push([name, constructor])
  else customElements.define(name, constructor)
}

// By messages, as timers wait for up to a second in a tab in the background.
if (isChat) {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = ({ data: task }) => {
    for (const element of tasks[task]) customElements.define(...element)
    if (task === "stream") port1.close()
  }
  for (const task of Object.keys(tasks)) port2.postMessage(task)
}
