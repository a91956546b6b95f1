// Loads what shows the operator's announcements with the first of them; and what has become of one's payments.
import { bus } from "./bus.js"
import { socket } from "./socket.js"

const element = document.querySelector("site-announcements")
const load = () => import(element.dataset.script)

socket.on("announcements", ({ html }) => {
  if (html.trim() || element.firstElementChild) load().then(() => element.show(html))
})
socket.on("payment", ({ text }) => bus.emit("toast", { kind: "payment", text, stays: true }))
if (element.firstElementChild) load()
