// What the reader has seen of the stream: everything that came while this tab was in sight. The server is told, so that
// it is no longer new in their other tabs and devices.
import { bus } from "./bus.js"
import { socket } from "./socket.js"

const INTERVAL_MS = 5000 // a reply that is being written changes once a second

let seen = 0
let told = 0
let timer = null

for (const type of ["message", "part"]) socket.on(type, ({ seq }) => see(seq))
bus.on("connection-state", (state) => state === "live" && seeAgain())
document.addEventListener("visibilitychange", () => (document.hidden ? tell() : see(socket.after)))

// What was told last may have been lost with the connection.
function seeAgain() {
  told = 0
  see(socket.after)
}

function see(seq) {
  if (document.hidden) return
  seen = Math.max(seen, seq)
  if (!timer) tell()
}

function tell() {
  if (seen <= told || socket.state !== "live") return
  told = seen
  socket.sendVolatile("session.seen", { seq: seen })
  timer ??= setTimeout(() => {
    timer = null
    tell()
  }, INTERVAL_MS)
}
