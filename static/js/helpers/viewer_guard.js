// Keeps a page to the person for whom it was rendered: when another person signs in or this one signs out in another
// tab, or while the page is in the back-forward cache, it hides itself and reloads. Of several tabs that ask to sign
// in, all go on once that was done in one of them.
import { closeNotifications } from "./browser_data.js"
import { viewer } from "./viewer.js"

const KEY = "viewer"
const SIGN_IN = 'form[action="/sign-in"]'
const LEAVING_MS = 10_000 // while the page is being left, a reload would replace that navigation
let leavingAt = 0

/** Starts watching. Of the pages for people who are not signed in, only the sign-in page has something to wait for. */
export function guardViewer() {
  if (!viewer()) return document.querySelector(SIGN_IN) && awaitSignIn()
  tellSignIn()
  if (currentViewer() !== viewer()) closeNotifications().catch(() => {})
  notifyOtherTabs()
  addEventListener("storage", (event) => (event.key === KEY || event.key === null) && check())
  addEventListener("pageshow", ({ persisted }) => persisted && checkAgain())
  addEventListener("beforeunload", () => (leavingAt = Date.now()))
  document.addEventListener("visibilitychange", check)
}

// Not by a reload, which would send the form of an attempt that failed once more.
function awaitSignIn() {
  new BroadcastChannel(KEY).onmessage = () => location.replace(location.href)
}

function tellSignIn() {
  const channel = new BroadcastChannel(KEY)
  channel.postMessage(viewer())
  channel.close()
}

function check() {
  const current = currentViewer()
  if (current === undefined || current === viewer() || Date.now() - leavingAt < LEAVING_MS) return
  document.documentElement.hidden = true
  location.reload()
}

// Back from the back-forward cache, it is not being left any more.
function checkAgain() {
  leavingAt = 0
  check()
}

/** The person for whom the last page was rendered: null for nobody, undefined where the browser stores nothing. */
export function currentViewer() {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return undefined
  }
}

function notifyOtherTabs() {
  try {
    localStorage.setItem(KEY, viewer())
  } catch {
    // there is no storage to notify them with
  }
}
