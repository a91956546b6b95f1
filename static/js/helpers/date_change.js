// Notices that times read differently: at midnight, after a sleep, when the reader's time zone or clock was changed,
// and when the server's time became known.
import { inFirstFrame } from "./first_frame.js"
import { callEach } from "./listeners.js"
import { now } from "./time.js"

const CHECK_MS = 15_000
const listeners = new Set()
const startedHidden = document.hidden
let known = ""
// A tab in the background has its first frame when it is shown, which may be on another day than its times were drawn.
inFirstFrame(() => {
  known = today()
  if (startedHidden) callEach(listeners)
})

/** Calls back when the date or the time zone has changed; returns a function that unsubscribes. */
export function onDateChange(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function check() {
  if (!known || known === today()) return
  known = today()
  callEach(listeners)
}

function today() {
  return `${now().toDateString()} ${Intl.DateTimeFormat().resolvedOptions().timeZone}`
}

setInterval(check, CHECK_MS)
for (const type of ["visibilitychange", "server-time"]) document.addEventListener(type, check)
for (const type of ["pageshow", "focus"]) addEventListener(type, check)
