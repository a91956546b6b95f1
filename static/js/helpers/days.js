// Tells when today has become another day, or the same moment is written otherwise: at midnight, after a sleep, when the
// reader's zone or clock was changed, and when the server's time became known.
import { callEach } from "./listeners.js"
import { now } from "./time.js"

const LOOK_MS = 15_000
const listeners = new Set()
let known = today()

export function onNewDay(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function look() {
  if (known === today()) return
  known = today()
  callEach(listeners)
}

function today() {
  return `${now().toDateString()} ${Intl.DateTimeFormat().resolvedOptions().timeZone}`
}

setInterval(look, LOOK_MS)
for (const moment of ["visibilitychange", "server-time"]) document.addEventListener(moment, look)
for (const moment of ["pageshow", "focus"]) addEventListener(moment, look)
