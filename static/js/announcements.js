// Loads what shows the operator's announcements with the first that comes, the first press, or the first that ends; and
// tells what has become of one's payments.
import { bus } from "./bus.js"
import { secondsUntil } from "./helpers/time.js"
import { socket } from "./socket.js"

const element = document.querySelector("site-announcements")
const load = () => import(element.dataset.script)

socket.on("announcements", ({ html }) => {
  if (html.trim() || element.firstElementChild) load().then(() => element.show(html))
})
socket.on("payment", ({ text }) => bus.emit("toast", { kind: "payment", text, stays: true }))
element.addEventListener("click", (event) => {
  if (!customElements.get(element.localName)) load().then(() => element.onClick(event))
})
for (const { dataset } of element.querySelectorAll("[data-until]")) setTimeout(load, secondsUntil(dataset.until) * 1000)
