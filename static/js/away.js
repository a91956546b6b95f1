// Pictures that became ready while nobody looked: counted in the title, and told by the system where that is allowed.
import { live } from "./live.js"
import { recall } from "./helpers/storage.js"

const title = document.title
let unseen = 0

live.on("finished", ({ noun, prompt }) => {
  if (!document.hidden) return
  unseen += 1
  document.title = `(${unseen}) ${title}`
  notify(`${noun} ready`, prompt)
})

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return
  unseen = 0
  document.title = title
})

function notify(words, body) {
  if (!("Notification" in window) || Notification.permission !== "granted" || recall("notifications") === false) return
  const notice = new Notification(words, { body, tag: location.pathname })
  notice.onclick = () => window.focus()
}
