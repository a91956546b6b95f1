// The one place that puts drawn messages into the page: an upsert by id, so that a repetition is harmless.
import { morph } from "./helpers/morph.js"

export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body
}

// Puts a drawn message where it belongs; a known one is changed in place, and an older drawing of it changes nothing.
export function upsert(container, fresh) {
  const known = document.getElementById(fresh.id) ?? pendingTwin(container, fresh)
  if (known && Number(known.dataset.seq) >= Number(fresh.dataset.seq)) return known
  if (!known) return place(container, document.adoptNode(fresh))
  morph(known, fresh)
  for (const name of ["data-local-pending", "data-local-stranded"]) known.removeAttribute(name)
  place(container, known)
  known.drawn?.()
  return known
}

// Messages stand in the order of their ids, which is that of their making; what is not stored yet comes last.
function place(container, message) {
  let next = null
  for (let each = container.lastElementChild; comesAfter(each, message); each = each.previousElementSibling) {
    if (each !== message) next = each // put before itself it would leave the page for a moment, and focus with it
  }
  if (message.parentNode !== container || message.nextElementSibling !== next) container.insertBefore(message, next)
  return message
}

function comesAfter(each, message) {
  if (each === message) return true
  return each?.localName === message.localName && (each.hasAttribute("data-local-pending") || each.dataset.id > message.dataset.id)
}

function pendingTwin(container, fresh) {
  return container.querySelector(`[data-local-pending][data-client-id="${CSS.escape(fresh.dataset.clientId)}"]`)
}
