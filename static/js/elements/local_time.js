// <local-time data-style="datetime|date|clock|day|relative|left"><time datetime="…Z">…</time></local-time>
// Writes the time in the reader's own zone and language; those that count from now are kept up to date by one shared timer.
import { onNewDay } from "../helpers/days.js"
import { callEach } from "../helpers/listeners.js"
import { now } from "../helpers/time.js"

const STYLES = {
  datetime: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "long" },
  clock: { timeStyle: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
}
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]]
const COUNTING = new Set(["relative", "left"])
const TICK_MS = 15_000
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" })
const formats = new Map()
const ticking = new Set()
const showTicking = () => callEach([...ticking].map((each) => () => each.show()))
let timer = null

export class LocalTime extends HTMLElement {
  static observedAttributes = ["data-style"]

  connectedCallback() {
    this.show()
    if (COUNTING.has(this.dataset.style)) start(this)
  }

  disconnectedCallback() {
    stop(this)
  }

  attributeChangedCallback() {
    if (this.isConnected) this.connectedCallback()
  }

  // Called when a newer drawing of its message was put in its place, with the server's words for the time.
  drawn() {
    this.show()
  }

  show() {
    const time = this.querySelector("time")
    const date = new Date(time?.dateTime ?? "")
    if (Number.isNaN(date.getTime())) return
    const text = write(date, this.dataset.style)
    if (time.textContent !== text) time.textContent = text
    time.title = format("datetime", STYLES.datetime).format(date)
  }
}

export function write(date, style = "datetime") {
  if (style === "relative") return writeRelative(date)
  if (style === "left") return writeLeft(date)
  if (style === "day") return writeDay(date)
  return format(style, STYLES[style] ?? STYLES.datetime).format(date)
}

function writeDay(date) {
  const days = Math.round((startOfDay(date) - startOfDay(now())) / 86_400_000)
  if (days > -2 && days < 2) return capital(new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(days, "day"))
  const thisYear = date.getFullYear() === now().getFullYear()
  return thisYear ? format("day", STYLES.day).format(date) : format("date", STYLES.date).format(date)
}

function writeRelative(date) {
  const seconds = (date - now()) / 1000
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  }
  return relative.format(0, "second")
}

// 1 h 12 min left: a clock that runs out is read to the minute.
function writeLeft(date) {
  const minutes = Math.ceil((date - now()) / 60_000)
  if (minutes <= 0) return "time is up"
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  const words = hours === 0 ? `${rest} min` : rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
  return `${words} left`
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1)
}

// Making a formatter is slow, and a long stream has hundreds of times.
function format(name, options) {
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat(undefined, options))
  return formats.get(name)
}

function start(element) {
  ticking.add(element)
  timer ??= setInterval(showTicking, TICK_MS)
}

function stop(element) {
  ticking.delete(element)
  if (ticking.size === 0) {
    clearInterval(timer)
    timer = null
  }
}

// Another zone writes every time otherwise; another day, some of them.
onNewDay(() => {
  formats.clear()
  for (const each of document.querySelectorAll("local-time")) each.show?.()
})

customElements.define("local-time", LocalTime)
