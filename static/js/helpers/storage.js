// Values kept by the browser; where it keeps none (private windows, full disks) they last as long as the page.
const fallback = new Map()

export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback.get(key) ?? null
  } catch {
    return fallback.get(key) ?? null
  }
}

export function keep(key, value) {
  fallback.set(key, value)
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, JSON.stringify(value))
  } catch {
    // kept in the page, above
  }
}
