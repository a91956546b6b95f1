// Loads what shows the operator's announcements with the first that comes, the first press, or the first that ends.
import { secondsUntil } from "./helpers/time.js"
import { socket } from "./socket.js"

const element = document.querySelector("site-announcements")
const load = () => import(element.dataset.script)

socket.on("announcements", ({ html }) => {
  if (html.trim() || element.firstElementChild) load().then(() => element.show(html))
})
element.addEventListener("click", (event) => load().then(() => element.onClick(event)), { once: true })
for (const { dataset } of element.querySelectorAll("[data-until]")) setTimeout(load, secondsUntil(dataset.until) * 1000)
