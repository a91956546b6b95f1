// Moments in the reader's own time zone and language.
import { formatMinutes, now } from "./time.js"

const STYLES = {
  datetime: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "long" },
  clock: { timeStyle: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
}
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
]
const DAY_MS = 86_400_000
let relative = null
const formats = new Map()

/**
 * A moment in words.
 * @param {Date} date
 * @param {"datetime"|"date"|"clock"|"day"|"relative"|"left"|"moment"} style
 */
export function formatTime(date, style = "datetime") {
  if (style === "relative") return formatRelative(date)
  if (style === "left") return formatLeft(date)
  if (style === "day") return formatDay(date)
  if (style === "moment") return formatMoment(date)
  return format(style, STYLES[style] ?? STYLES.datetime).format(date)
}

/** Forgets the formatters: call it when the reader's time zone may have changed. */
export function resetFormats() {
  formats.clear()
}

// 12:44 today, "tomorrow, 05:56" on the next day, "3 November, 05:56" on others, and with the year in another:
// "3 November 2024, 05:56".
function formatMoment(date) {
  const days = daysFromNow(date)
  const clock = format("clock", STYLES.clock).format(date)
  if (days === 0) return clock
  const day = Math.abs(days) === 1 ? inWords(days) : formatDate(date, { day: "numeric", month: "long" })
  return `${day}, ${clock}`
}

function inWords(days) {
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(days, "day")
}

function daysFromNow(date) {
  return Math.round((startOfDay(date) - startOfDay(now())) / DAY_MS)
}

function formatDay(date) {
  const days = daysFromNow(date)
  if (days > -2 && days < 2) {
    return capitalize(inWords(days))
  }
  return formatDate(date, STYLES.day)
}

// A day of this year as `options` say, one of another with its year.
function formatDate(date, options) {
  const thisYear = date.getFullYear() === now().getFullYear()
  return thisYear ? format(JSON.stringify(options), options).format(date) : format("date", STYLES.date).format(date)
}

function formatRelative(date) {
  relative ??= new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" })
  const seconds = (date - now()) / 1000
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  }
  return relative.format(0, "second")
}

// 1 h 12 min left, to the minute; 29 days 23 h left.
function formatLeft(date) {
  const minutes = Math.ceil((date - now()) / 60_000)
  return minutes <= 0 ? "time is up" : `${formatMinutes(minutes)} left`
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}

function capitalize(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1)
}

// Cached: constructing a formatter is slow, and a long stream shows hundreds of times.
function format(name, options) {
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat(undefined, options))
  return formats.get(name)
}
