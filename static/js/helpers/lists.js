// Lists whose items have ids, changed into what the server draws now.
import { morph } from "./morph.js"

/** Makes the children of a list those of `fresh`: what stays is changed in place, and moved where its place is new. */
export function matchList(list, fresh) {
  const wanted = [...fresh.children]
  const ids = new Set(wanted.map(({ id }) => id))
  for (const each of [...list.children]) if (!ids.has(each.id)) each.remove()
  let place = list.firstElementChild
  for (const node of wanted) {
    const known = document.getElementById(node.id)
    if (known) morph(known, node)
    if (known && known === place) place = place.nextElementSibling
    else list.insertBefore(known ?? node, place)
  }
}

/** Puts children of a list in an order, without those that have left it. What has the focus keeps it. */
export function arrange(list, order) {
  const focused = document.activeElement
  let place = list.firstElementChild
  for (const child of order.filter((each) => each.parentElement === list)) {
    if (child === place) place = place.nextElementSibling
    else list.insertBefore(child, place)
  }
  focused.focus({ preventScroll: true })
}

/** Does what changes a page, and scrolls so that the topmost of these nodes that is in sight stays where it is. */
export function keepPlace(nodes, change) {
  const anchor = topmost(nodes)
  const before = anchor?.getBoundingClientRect().top
  change()
  if (anchor?.isConnected) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" })
}

/** The first of these nodes that is not above what one sees. */
export function topmost(nodes) {
  const edge = document.querySelector(".header").offsetHeight
  return nodes.find((each) => each.getBoundingClientRect().bottom > edge)
}
