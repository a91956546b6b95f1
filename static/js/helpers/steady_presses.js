// A press belongs to the control on which it began. What grows above may move that control before it is let go, and the
// browser would click what stands there by then: a press of a few frames on the Stop of a growing reply did nothing.
// Both presses of a double click belong to the first one's control: what that has put in its own place, such as the
// "Answer again" of a reply that was stopped, a dialog or the lightbox, is not pressed by the second. A press on what a
// sheet has dimmed closes the sheet, and is none on what stands there: a backdrop of popovers takes no clicks.
const CONTROL = "a[href], button, summary, label, input, select, textarea, [data-action]"
const NEAR = { px: 24, ms: 400 } // of two taps of a finger, which the browser does not count
let press = null // where the pointer went down, the control that stood there, and where that stood
let last = null // the press before it
let dropped = false // the click of this press

/** Clicks what was pressed where it has moved away meanwhile. A pointer that was drawn off it clicks nothing. */
export function keepPresses() {
  addEventListener("pointerdown", begin, true)
  addEventListener("click", settle, true)
  addEventListener("dblclick", (event) => dropped && drop(event), true)
}

function begin({ target, isPrimary, pointerType, clientX, clientY, timeStamp }) {
  dropped = false
  press = null
  if (!isPrimary) return
  const control = target.closest?.(CONTROL) ?? null
  const box = control?.getBoundingClientRect()
  press = { target, control, box, isBesideSheet: isBesideSheet(target), pointerType, clientX, clientY, timeStamp }
}

function isBesideSheet(target) {
  return !target.closest?.(":popover-open") && [...document.querySelectorAll(":popover-open")].some(dims)
}

function dims(popover) {
  return !["", "transparent", "rgba(0, 0, 0, 0)"].includes(getComputedStyle(popover, "::backdrop").backgroundColor)
}

function settle(event) {
  if (!press || !event.detail) return // by a key, or by a script
  const [began, before] = [press, last]
  ;[press, last] = [null, began]
  if (isAgain(event, began, before) && !mayRepeat(began.control, before.control)) return drop(event)
  if (began.isBesideSheet || isPastDialog(event, began)) return drop(event)
  const { control, box } = began
  if (!control?.isConnected || event.target.closest(CONTROL) === control || !contains(box, event)) return
  drop(event)
  // With the keys that are held: a link opens in the tab that they ask for.
  if (!control.disabled) control.dispatchEvent(new MouseEvent("click", event))
}

function drop(event) {
  dropped = true
  event.preventDefault()
  event.stopImmediatePropagation()
}

function isAgain({ detail }, { pointerType, clientX, clientY, timeStamp }, before) {
  if (!before || pointerType !== "touch") return before && detail > 1
  const far = Math.hypot(clientX - before.clientX, clientY - before.clientY)
  return far < NEAR.px && timeStamp - before.timeStamp < NEAR.ms
}

// A form is sent once, and what costs a credit is made once. Through versions one may go as fast as one can press: each
// is a message of its own.
function mayRepeat(control, before) {
  if (control === before) return !(control?.form && control.type === "submit") && !control?.closest("[data-needs]")
  return control?.dataset.action === "show-version" && before?.dataset.action === "show-version"
}

// Text that is selected beyond the edge of a dialog is no press beside it, nor is one on its margin.
function isPastDialog(event, began) {
  const { target } = event
  if (target.localName !== "dialog") return false
  const box = target.getBoundingClientRect()
  return began.target !== target || contains(box, began) || contains(box, event)
}

function contains({ left, right, top, bottom }, { clientX, clientY }) {
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom
}
