// The one place that puts rendered messages into the page: an upsert by id, so that repeated events change nothing.
import { complete } from "./completing.js"
import { keepFocus } from "./helpers/focus.js"
import { morph } from "./helpers/morph.js"

/** The body of an HTML text, with complete messages. */
export function parse(html) {
  const { body } = new DOMParser().parseFromString(html, "text/html")
  complete(body)
  return body
}

/**
 * Inserts a rendered message in its place, or changes the known one into it; an older rendering changes nothing.
 * Returns the message in the page, whose element then has its `rendered()` called.
 */
export function upsert(container, fresh) {
  const known = document.getElementById(fresh.id) ?? findPending(container, fresh)
  if (known && Number(known.dataset.seq) >= Number(fresh.dataset.seq)) return known
  if (!known) return place(container, document.adoptNode(fresh))
  keepFocus(known, () => change(container, known, fresh))
  return known
}

function change(container, known, fresh) {
  morph(known, fresh)
  for (const name of ["data-local-pending", "data-local-stranded"]) known.removeAttribute(name)
  place(container, known)
  known.rendered?.()
}

// Messages are ordered by their place and then by id, which is the order in which they were made; pending ones come
// last.
function place(container, message) {
  let next = null
  for (let each = container.lastElementChild; comesAfter(each, message); each = each.previousElementSibling) {
    if (each !== message) next = each // inserted before itself it would leave the page for a moment, and lose the focus
  }
  if (message.parentNode !== container || message.nextElementSibling !== next) container.insertBefore(message, next)
  return message
}

function comesAfter(each, message) {
  if (each === message) return true
  if (each?.localName !== message.localName) return false
  return each.hasAttribute("data-local-pending") || orderOf(each) > orderOf(message)
}

/** Where a message stands in the stream: its versions stand in the place of the first. */
export function placeOf({ dataset: { place, id } }) {
  return place ?? id
}

function orderOf(message) {
  return `${placeOf(message)} ${message.dataset.id}`
}

function findPending(container, fresh) {
  return container.querySelector(`[data-local-pending][data-client-id="${CSS.escape(fresh.dataset.clientId)}"]`)
}
