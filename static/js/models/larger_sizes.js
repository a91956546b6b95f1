// The sizes to which a finished picture can be made larger, and how that happens: drawn again, or enlarged from it.
import { dimensions } from "./generation_request.js"
import { setText, slot } from "../helpers/dom.js"

const SIDES = [768, 1024, 1536, 2048, 3072, 4096]

/**
 * Fills `place` for a card: a button for each size that the plan allows, under the words that say what will happen. A
 * picture of which only a part was made (`part`) cannot be drawn again.
 */
export function showLargerSizes(place, { kind, width, height, provider, part }) {
  const redrawn = provider === place.dataset.redrawnBy && part === undefined
  const sides = kind === "image" ? largerSides(Math.max(width, height), Number(place.dataset.largest)) : []
  place.hidden = !sides.length || !(redrawn || place.hasAttribute("data-enlarges"))
  slot(place, "redrawn").hidden = !redrawn
  slot(place, "enlarged").hidden = redrawn
  slot(place, "choices").replaceChildren(...sides.map((side) => choice(side, width, height)))
}

/** The larger sides among the usual ones and the largest that the plan allows, the smallest first. */
export function largerSides(longest, largest) {
  const all = [...new Set([...SIDES, largest])].sort((one, other) => one - other)
  return all.filter((side) => side > longest && side <= largest)
}

function choice(side, width, height) {
  const button = document.importNode(document.getElementById("larger_size").content, true).firstElementChild
  const size = dimensions(`${width}:${height}`, side)
  button.dataset.side = side
  setText(button, `${size.width} × ${size.height}`)
  button.ariaLabel = `Make it larger: ${size.width} by ${size.height}, 1 credit`
  return button
}
