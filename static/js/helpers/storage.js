// Values kept by the browser for the person who signed in, each under that person's id: what one left, no other reads.
// Where the browser keeps none (private windows, full disks) they last as long as the page.
import { viewer } from "./viewer.js"

const fallback = new Map()

export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(owned(key))) ?? fallback.get(key) ?? null
  } catch {
    return fallback.get(key) ?? null
  }
}

export function keep(key, value) {
  fallback.set(key, value)
  if (!viewer()) return
  try {
    if (value === null) localStorage.removeItem(owned(key))
    else localStorage.setItem(owned(key), JSON.stringify(value))
  } catch {
    // kept in the page, above
  }
}

function owned(key) {
  return `${viewer()}:${key}`
}
