// A websocket of a page that only listens, and only while the page is in sight: it reconnects by itself, and the server
// says after each connect that all may have changed.
import { reconnectDelay } from "./backoff.js"

const [FINAL, BAD_ORIGIN] = [4500, 4503] // from the first on the page is not for whoever is signed in now
const SILENT_MS = 60_000 // the server says something every 20 s: after this much silence the connection is dead

export class ChangeSocket {
  #path
  #handlers
  #socket = null
  #timer = null
  #attempts = 0

  /** @param {object} handlers `onEvents(events)`, `onState(live)`: whether there is a connection now. */
  constructor(path, handlers) {
    this.#path = path
    this.#handlers = handlers
  }

  start() {
    document.addEventListener("visibilitychange", this.#follow)
    addEventListener("online", this.#retryNow)
    this.#follow()
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#follow)
    removeEventListener("online", this.#retryNow)
    this.#drop()
  }

  #follow = () => (document.hidden ? this.#drop() : this.#retryNow())

  #retryNow = () => {
    if (this.#socket || document.hidden) return
    this.#attempts = 0
    this.#connect()
  }

  #connect() {
    clearTimeout(this.#timer)
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${this.#path}`)
    this.#socket = socket
    this.#watch()
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data)
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason)
  }

  #receive(data) {
    this.#attempts = 0
    this.#watch()
    this.#handlers.onState(true)
    this.#handlers.onEvents(JSON.parse(data))
  }

  #watch() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#drop()
      this.#closed(1006, "")
    }, SILENT_MS)
  }

  // Without waiting for the close event, which a dead connection never delivers.
  #drop() {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#handlers.onState(false)
  }

  #closed(code, reason) {
    clearTimeout(this.#timer)
    this.#socket = null
    this.#handlers.onState(false)
    if (code === BAD_ORIGIN) return
    if (code >= FINAL) return location.reload()
    this.#timer = setTimeout(() => this.#connect(), reconnectDelay(code, reason, this.#attempts++))
  }
}
