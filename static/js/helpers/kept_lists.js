// A list that the browser has kept, and shows again on the way back, is as it was when it was left: without what has
// come since, and with what has gone. Those that no connection keeps up to date are loaded again.
const LISTS = "live-history, share-row, session-deletion"

/** Watches for the way back. What is typed or open stays. */
export function refreshKeptLists() {
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted || !document.querySelector(LISTS) || document.querySelector("dialog[open]")) return
    const fields = [...document.querySelectorAll("input:not([type=hidden]), textarea")]
    if (fields.every(({ value, defaultValue }) => value === defaultValue)) location.reload()
  })
}
