// A page belongs to the person for whom it was drawn. Where another signs in or this one signs out in another tab, or
// while the page lay in the browser's back-forward cache, it goes: nothing is shown or sent for the wrong person.
import { forgetNotifications } from "./forgetting.js"
import { viewer } from "./viewer.js"

const KEY = "viewer"
const LEAVING_MS = 10_000 // a reload would take the place of the way out that was just chosen
let leaving = 0

export function watchViewer() {
  if (!viewer()) return
  if (lastSeen() !== viewer()) forgetNotifications().catch(() => {})
  tellOthers()
  addEventListener("storage", (event) => (event.key === KEY || event.key === null) && look())
  addEventListener("pageshow", (event) => event.persisted && look())
  addEventListener("beforeunload", () => (leaving = Date.now()))
  document.addEventListener("visibilitychange", look)
}

function look() {
  const now = lastSeen()
  if (now === undefined || now === viewer() || Date.now() - leaving < LEAVING_MS) return
  document.documentElement.hidden = true
  location.reload()
}

// Who was last drawn a page here: null for nobody, undefined where the browser keeps nothing.
function lastSeen() {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return undefined
  }
}

function tellOthers() {
  try {
    localStorage.setItem(KEY, viewer())
  } catch {
    // no other tab can be told
  }
}
