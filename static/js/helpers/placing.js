// Where a popover stands.
const EDGE_PX = 8

/** Places a popover below the rectangle of its button, or above it, or beside it, within the window. */
export function placeBeside(popover, { left, right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = popover
  const x = Math.min(Math.max(EDGE_PX, right - width), innerWidth - width - EDGE_PX)
  const below = bottom + height + EDGE_PX <= innerHeight
  const y = below ? bottom + EDGE_PX / 2 : Math.max(EDGE_PX, top - height - EDGE_PX / 2)
  // Through the CSSOM, as the content security policy allows no style attributes.
  popover.style.setProperty("--x", `${left > x + width ? left - width : x}px`)
  popover.style.setProperty("--y", `${y}px`)
}
