// The server's time, one shared tick a second, and durations in words.
import { callEach } from "./listeners.js"

const TOLERANCE_MS = 10_000
const DAY_MINUTES = 24 * 60
let offset = offsetOfPage()
const ticking = new Set()
let timer = null

/** Sets the server's time, as an ISO 8601 text. */
export function setServerTime(text) {
  offset = Date.parse(text) - Date.now()
  document.dispatchEvent(new Event("server-time"))
}

// How far the reader's clock is from the server's, from the time in the page; differences that transfer may explain are
// ignored.
function offsetOfPage() {
  const rendered = Date.parse(document.querySelector('meta[name="server-time"]')?.content ?? "")
  const [arrival] = performance.getEntriesByType("navigation")
  if (Number.isNaN(rendered) || !arrival || arrival.type === "back_forward") return 0 // the page may come from a cache
  const difference = rendered - (Date.now() - (performance.now() - arrival.responseStart))
  return Math.abs(difference) > TOLERANCE_MS ? difference : 0
}

/** The server's time now. */
export function now() {
  return new Date(Date.now() + offset)
}

/** Seconds until a moment given as an ISO 8601 text. */
export function secondsUntil(text) {
  return (Date.parse(text) - now()) / 1000
}

/** Calls back once a second until the returned function is called. */
export function everySecond(listener) {
  ticking.add(listener)
  timer ??= setInterval(() => callEach(ticking), 1000)
  return () => {
    ticking.delete(listener)
    if (ticking.size) return
    clearInterval(timer)
    timer = null
  }
}

/** A duration in seconds as words: 45 s, 3 min, 1 h 30 min, 29 days 23 h. */
export function formatDuration(seconds) {
  return seconds < 59.5 ? `${Math.max(0, Math.round(seconds))} s` : formatMinutes(Math.round(seconds / 60))
}

/** Minutes as words, of which the larger unit is days from the second day on. */
export function formatMinutes(minutes) {
  if (minutes < 60) return `${minutes} min`
  if (minutes < 2 * DAY_MINUTES) return inUnits(minutes, 60, "h", "min")
  return inUnits(Math.floor(minutes / 60), 24, "days", "h")
}

function inUnits(count, size, large, small) {
  const [whole, rest] = [Math.floor(count / size), count % size]
  return rest ? `${whole} ${large} ${rest} ${small}` : `${whole} ${large}`
}

/** A duration in seconds as a countdown: 0:07, 12:04, 1:02:09. */
export function formatCountdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const tail = `${String(rest).padStart(2, "0")}`
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`
}

/** The time of day of a moment given as an ISO 8601 text. */
export function formatClock(text) {
  return new Date(text).toLocaleTimeString(undefined, { timeStyle: "short" }) // not cached: the time zone may change
}
