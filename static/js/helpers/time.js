// Time as the server has it, one shared tick a second, and spans in words.
import { callEach } from "./listeners.js"

const WRONG_MS = 10_000
let offset = drawnOffset()
const ticking = new Set()
let timer = null

export function setServerTime(text) {
  offset = Date.parse(text) - Date.now()
  document.dispatchEvent(new Event("server-time"))
}

// How far the reader's clock is from the server's, by the page itself: only what is plainly wrong, as it was on its way.
function drawnOffset() {
  const drawn = Date.parse(document.querySelector('meta[name="server-time"]')?.content ?? "")
  const [arrival] = performance.getEntriesByType("navigation")
  if (Number.isNaN(drawn) || !arrival || arrival.type === "back_forward") return 0 // then the page may be one of long ago
  const wrong = drawn - (Date.now() - (performance.now() - arrival.responseStart))
  return Math.abs(wrong) > WRONG_MS ? wrong : 0
}

export function now() {
  return new Date(Date.now() + offset)
}

export function secondsUntil(text) {
  return (Date.parse(text) - now()) / 1000
}

// Calls back once a second until the returned function is called.
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

// 45 s, 3 min, 1 h 30 min
export function span(seconds) {
  if (seconds < 59.5) return `${Math.max(0, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`
}

// 0:07, 12:04, 1:02:09
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const tail = `${String(rest).padStart(2, "0")}`
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`
}

export function clockTime(text) {
  return new Date(text).toLocaleTimeString(undefined, { timeStyle: "short" }) // made anew: zones change under travellers
}
