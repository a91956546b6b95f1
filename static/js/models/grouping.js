// Which messages follow on from the one before: the same author within five minutes of the same day.
import { write } from "../elements/local_time.js"

const TOGETHER_MS = 5 * 60_000

// Marks a message with the day that begins with it, or as a continuation.
export function group(message, previous) {
  const date = new Date(message.dataset.created)
  const before = previous && new Date(previous.dataset.created)
  const newDay = !before || before.toDateString() !== date.toDateString()
  set(message, "data-local-day", newDay ? write(date, "day") : null)
  set(message, "data-local-grouped", !newDay && continues(message, previous, date - before) ? "" : null)
}

function continues(message, previous, apart) {
  return previous.dataset.authorId === message.dataset.authorId && previous.dataset.authorKind === message.dataset.authorKind && apart < TOGETHER_MS
}

function set(element, name, value) {
  if (value === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
