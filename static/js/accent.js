// The page has the accent of its newest picture (static/css/accents.css), as the server drew it; here it follows.
import { socket } from "./socket.js"

function follow() {
  const pictures = [...document.querySelectorAll("message-list [data-accent]")]
  if (!pictures.length) return
  const newest = pictures.reduce((one, other) => (one.dataset.asset > other.dataset.asset ? one : other))
  document.documentElement.dataset.accent = newest.dataset.accent
}

// Behind the stream, which listens by then: what has come is drawn.
customElements.whenDefined("chat-room").then(() => socket.on("message", follow))
