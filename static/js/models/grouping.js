// Which messages continue the one before: the same author, within five minutes, on the same day.
import { formatTime } from "../helpers/time_format.js"

const TOGETHER_MS = 5 * 60_000

/** Marks a message with the day that begins with it, or as a continuation of the previous one. */
export function groupMessage(message, previous) {
  const date = new Date(message.dataset.created)
  const before = previous && new Date(previous.dataset.created)
  const newDay = !before || before.toDateString() !== date.toDateString()
  set(message, "data-local-day", newDay ? formatTime(date, "day") : null)
  set(message, "data-local-grouped", !newDay && continues(message, previous, date - before) ? "" : null)
}

function continues(message, previous, elapsed) {
  const [one, other] = [message.dataset, previous.dataset]
  return one.authorId === other.authorId && one.authorKind === other.authorKind && elapsed < TOGETHER_MS
}

function set(element, name, value) {
  if (value === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
