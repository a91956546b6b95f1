// Values in localStorage under the id of the signed-in person, so that nobody reads another person's. Where the browser
// stores nothing (private windows, full disks) they last as long as the page.
import { viewer } from "./viewer.js"

const fallback = new Map()

/** A stored value, or null. */
export function readStored(key) {
  if (fallback.has(key)) return fallback.get(key)
  try {
    return JSON.parse(localStorage.getItem(ownKey(key)))
  } catch {
    return null
  }
}

/** Stores a value that JSON can hold; null deletes it. */
export function writeStored(key, value) {
  fallback.set(key, value)
  if (!viewer()) return
  try {
    if (value === null) localStorage.removeItem(ownKey(key))
    else localStorage.setItem(ownKey(key), JSON.stringify(value))
    fallback.delete(key) // other tabs may change it
  } catch {
    // the fallback has it
  }
}

function ownKey(key) {
  return `${viewer()}:${key}`
}
