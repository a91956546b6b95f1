// Pictures that became ready while nobody looked: counted in the title, and told by the system where that is wished.
import { live } from "./live.js"

let title = document.title
let unseen = 0

live.on("session", ({ session }) => {
  title = session.title + title.slice(title.lastIndexOf(" · "))
  show()
})

live.on("finished", ({ noun, prompt }) => {
  if (!document.hidden) return
  unseen += 1
  show()
  notify(`${noun} ready`, prompt)
})

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return
  unseen = 0
  show()
})

function show() {
  document.title = unseen ? `(${unseen}) ${title}` : title
}

// By the service worker, where there is one: on phones the constructor throws.
async function notify(words, body) {
  const wished = document.querySelector("chat-room").dataset.notifications === "yes"
  if (!wished || !("Notification" in window) || Notification.permission !== "granted") return
  const options = { body, tag: location.pathname, data: location.pathname, dir: "auto" }
  const worker = await navigator.serviceWorker?.getRegistration().catch(() => null)
  if (worker?.active) return worker.showNotification(words, options).catch(reportError)
  try {
    new Notification(words, options).onclick = () => window.focus()
  } catch {
    // this browser tells nothing without a worker; the title does
  }
}
