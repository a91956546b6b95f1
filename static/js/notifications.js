// Pictures that are done while the page is hidden: counted in the title, and notified by the system where the person
// has allowed it.
import { bus } from "./bus.js"
import { socket } from "./socket.js"

let title = document.title
let unseen = 0

socket.on("session", ({ session }) => {
  title = session.title + title.slice(title.lastIndexOf(" · "))
  showTitle()
})

bus.on("generation-done", ({ noun, prompt }) => {
  if (!document.hidden) return
  unseen += 1
  showTitle()
  notify(`${noun} ready`, prompt)
})

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return
  unseen = 0
  showTitle()
})

function showTitle() {
  document.title = unseen ? `(${unseen}) ${title}` : title
}

// Through the service worker where there is one: on phones the Notification constructor throws.
async function notify(heading, body) {
  const enabled = document.querySelector("chat-room").dataset.notifications === "yes"
  if (!enabled || !("Notification" in window) || Notification.permission !== "granted") return
  const options = { body, tag: location.pathname, data: location.pathname, dir: "auto" }
  const worker = await navigator.serviceWorker?.getRegistration().catch(() => null)
  if (worker?.active) return worker.showNotification(heading, options).catch(reportError)
  try {
    new Notification(heading, options).onclick = () => window.focus()
  } catch {
    // this browser notifies only through a service worker; the title shows the count
  }
}
