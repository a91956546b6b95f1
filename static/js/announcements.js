// Loads what shows the operator's announcements with the first of them.
import { socket } from "./socket.js"

const element = document.querySelector("site-announcements")
const load = () => import(element.dataset.script)

socket.on("announcements", ({ html }) => {
  if (html.trim() || element.firstElementChild) load().then(() => element.show(html))
})
if (element.firstElementChild) load()
