// Values in localStorage under the id of the signed-in person, so that nobody reads another person's. Where the browser
// stores nothing (private windows, full disks) they last as long as the page.
import { viewer } from "./viewer.js"

const fallback = new Map()

/** A stored value, or null. */
export function readStored(key) {
  try {
    return JSON.parse(localStorage.getItem(ownKey(key))) ?? fallback.get(key) ?? null
  } catch {
    return fallback.get(key) ?? null
  }
}

/** Stores a value that JSON can hold; null deletes it. */
export function writeStored(key, value) {
  fallback.set(key, value)
  if (!viewer()) return
  try {
    if (value === null) localStorage.removeItem(ownKey(key))
    else localStorage.setItem(ownKey(key), JSON.stringify(value))
  } catch {
    // the fallback has it
  }
}

function ownKey(key) {
  return `${viewer()}:${key}`
}
