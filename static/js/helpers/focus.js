// The keyboard's place in what changes: where the control with the focus has gone, the one in its stead has it.
// Not what an answer proposes, which the next press of the key would send.
const CONTROLS = ':is(a[href], button:enabled):not([tabindex="-1"], .prose *)'

/**
 * Does what changes `root`, or takes it out of the page. A control in it that had the focus, and is not seen any more,
 * leaves it to the one that is now in its place, as near as there is one, and otherwise to the first one beside `root`.
 */
export function keepFocus(root, change) {
  const focused = document.activeElement
  const places = root.contains(focused) && focused !== root ? placesOf(focused, root) : []
  const beside = [root.nextElementSibling, root.previousElementSibling]
  change()
  if (!places.length || (focused.isConnected && focused.checkVisibility())) return
  const next = places.map(({ place, index }) => controlsOf(place)[index]).find(Boolean)
  const other = () => beside.flatMap((each) => (each ? controlsOf(each).slice(0, 1) : []))[0]
  ;(next ?? other())?.focus({ preventScroll: true })
}

// What surrounds it, from the nearest up to `root`, and how many controls are before it in each.
function placesOf(focused, root) {
  const places = []
  for (let place = focused; place !== root; ) {
    place = place.parentElement
    places.push({ place, index: controlsOf(place).indexOf(focused) })
  }
  return places
}

function controlsOf(place) {
  return [...place.querySelectorAll(CONTROLS)].filter((each) => each.isConnected && each.checkVisibility())
}
