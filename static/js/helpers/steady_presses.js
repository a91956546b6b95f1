// A press belongs to the control on which it began. What grows above may move that control before it is let go, and the
// browser would click what stands there by then: a press of a few frames on the Stop of a growing reply did nothing.
const CONTROL = "a[href], button, summary, label, input, select, textarea, [data-action]"
let press = null // the control on which the pointer went down, and where it stood

/** Clicks what was pressed where it has moved away meanwhile. A pointer that was drawn off it clicks nothing. */
export function keepPresses() {
  addEventListener("pointerdown", begin, true)
  addEventListener("click", settle, true)
}

function begin({ target, isPrimary }) {
  const control = isPrimary && target.closest?.(CONTROL)
  press = control && { control, box: control.getBoundingClientRect() }
}

function settle(event) {
  if (!press || !event.detail) return // by a key, or by a script
  const { control, box } = press
  press = null
  if (event.target.closest(CONTROL) === control || !control.isConnected || !contains(box, event)) return
  event.preventDefault()
  event.stopImmediatePropagation()
  control.click()
}

function contains({ left, right, top, bottom }, { clientX, clientY }) {
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom
}
