// Changes a node into a newer rendering of the same thing and keeps what did not change: focus, selection, playing
// videos.
//
// Left alone is what only the browser knows: attributes data-local-*, elements with data-local, nodes with data-added,
// and whether <details> is open.

/** Changes `old` in place so that it equals `fresh`. */
export function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data
    return
  }
  if (old.nodeType !== Node.ELEMENT_NODE || isLocal(old, fresh)) return
  matchAttributes(old, fresh)
  matchChildren(old, fresh)
}

function isLocal(old, fresh) {
  if (old.hasAttribute("data-local") && fresh.hasAttribute("data-local")) return true
  return old.localName === "local-time" && old.firstChild.dateTime === fresh.firstChild.dateTime
}

function matchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const kept = name.startsWith("data-local-") || (name === "open" && old.localName === "details")
    if (!kept && !fresh.hasAttribute(name)) old.removeAttribute(name)
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
}

// What goes is removed first, and what was added is passed by, so that what stays need not be moved, which would take
// the focus away and stop a video.
function matchChildren(old, fresh) {
  const rest = [...old.childNodes].filter((node) => !isAdded(node))
  let place = rest[0] ?? null
  const pairs = [...fresh.childNodes].map((wanted) => [take(rest, wanted), wanted])
  while (rest.includes(place)) place = place.nextSibling
  for (const node of rest) node.remove()
  for (const [known, wanted] of pairs) {
    if (known?.nodeType === Node.ELEMENT_NODE) place = letTextsFollow(place, known)
    const isNext = known && known === passAdded(place, known)
    if (!isNext) old.insertBefore(known ?? wanted, place)
    else place = known.nextSibling
    if (known) morph(known, wanted)
  }
}

const isAdded = (node) => node.dataset !== undefined && "added" in node.dataset

// Texts between, such as the space after what has gone, are moved behind an element in its stead.
function letTextsFollow(place, element) {
  const texts = []
  for (let node = place; node?.nodeType === Node.TEXT_NODE; node = node.nextSibling) texts.push(node)
  if (!texts.length || texts.at(-1).nextSibling !== element) return place
  element.after(...texts)
  return element
}

function passAdded(place, known) {
  while (place && place !== known && isAdded(place)) place = place.nextSibling
  return place
}

// Takes the child to be changed into `wanted`: the one with the same name, otherwise the next of its kind without one.
function take(rest, wanted) {
  const name = nameOf(wanted)
  let index = name ? rest.findIndex((node) => nameOf(node) === name) : -1
  if (index < 0) index = rest.findIndex((node) => !nameOf(node) && kind(node) === kind(wanted))
  return index < 0 ? null : rest.splice(index, 1)[0]
}

// A link to the file of a picture has no id, and stays that of its picture: it may be pressed just now.
function nameOf({ id, dataset }) {
  return id || dataset?.of
}

function kind(node) {
  return node.nodeType === Node.ELEMENT_NODE ? `${node.localName}.${node.classList[0] ?? ""}` : node.nodeName
}
