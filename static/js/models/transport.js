// A websocket that reconnects by itself: back-off, heartbeat, and checks after sleep and clock changes.
import { setServerTime } from "../helpers/time.js"
import { reconnectDelay } from "./backoff.js"

const PING_MS = 20_000 // a ping after this much silence: browsers do not expose the protocol's own pings
const SILENT_MS = 45_000 // after this much silence the connection is dead, whatever the browser reports
const WATCH_MS = 5000
const CLOCK_MS = 5_000 // a jump this large means a set clock or a sleep: reconnecting fetches the server's time again
const HIDDEN_MS = 60_000 // a page hidden for longer probes its connection when it is shown again
const PROBE_MS = 5000
const FLOODING = 4429 // before a welcome: the limit of open connections per user or address is reached
const AFTER_A_CLOSE_MS = 300 // until the server has noticed that a tab was closed
const DELIBERATE = new Set([1012, 4408, FLOODING]) // closed by a server that is up and gives its reason
const FINAL = 4500 // with a close code from here on the client must not reconnect

export class Transport {
  state = "connecting"
  after = 0
  #viewer
  #handlers
  #url = ""
  #socket = null
  #attempts = 0
  #receivedAt = 0
  #hiddenAt = 0
  #skew = 0
  #welcomed = false
  #timers = { retry: null, watch: null }

  /**
   * @param {string} viewer the id of the person for whom the page was rendered
   * @param {object} handlers `onOpen()`, `onEvent(event)`, `onLost(suspect)`: the connection is gone, and with
   *   `suspect` a command in flight may be the cause; `onState(state)`; `onClosed(code)`: closed for good
   */
  constructor(viewer, handlers) {
    this.#viewer = viewer
    this.#handlers = handlers
  }

  /** Connects, and stays connected until the server closes for good. */
  open(url, after) {
    this.#url = url
    this.after = after
    addEventListener("online", () => this.#retryNow())
    addEventListener("offline", () => this.#drop())
    addEventListener("pageshow", ({ persisted }) => persisted && this.#retryNow())
    document.addEventListener("visibilitychange", () => this.#onVisibilityChange())
    this.#listenToTabs()
    this.#timers.watch = setInterval(() => this.#watch(), WATCH_MS)
    this.#connect()
  }

  /** Whether a command can be written now. A connection is live for a moment after it has begun to close. */
  get writable() {
    return this.state === "live" && this.#socket.readyState === WebSocket.OPEN
  }

  /** Connects again, and hears once more what came after `seq`. */
  resume(seq) {
    this.after = seq
    this.#drop()
  }

  /** Writes a command to the open connection. */
  write(command) {
    this.#socket.send(JSON.stringify(command))
  }

  /** Writes a command whose answer nobody waits for; drops it when there is no connection. */
  sendVolatile(type, fields) {
    if (this.writable) this.write({ type, ref: "-", ...fields })
  }

  // A closed tab frees a connection for a page that was refused because of too many.
  #listenToTabs() {
    const tabs = new BroadcastChannel("tabs")
    addEventListener("pagehide", () => tabs.postMessage("gone"))
    tabs.onmessage = () => {
      if (this.state === "crowded") setTimeout(() => this.#retryNow(), AFTER_A_CLOSE_MS * (1 + Math.random()))
    }
  }

  #connect() {
    clearTimeout(this.#timers.retry)
    this.#welcomed = false
    const socket = new WebSocket(`${this.#url}?after=${this.after}`, "chat.v1.html")
    this.#socket = socket
    this.#receivedAt = Date.now()
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data)
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason, !DELIBERATE.has(code))
  }

  #receive(data) {
    this.#receivedAt = Date.now()
    const socket = this.#socket
    for (const event of JSON.parse(data)) {
      if (event.type === "welcome") this.#welcome(event)
      if (this.state === "stopped") return
      this.#handlers.onEvent(event)
      if (socket !== this.#socket) return // it is told once more
      if (event.type === "message" || event.type === "part") this.after = Math.max(this.after, event.seq)
    }
  }

  // A page rendered for one person never sends in the name of another who has signed in since.
  #welcome({ you, now }) {
    if (you.id !== this.#viewer) return this.#stop("viewer-changed")
    this.#attempts = 0
    this.#welcomed = true
    this.#skew = clockSkew()
    setServerTime(now)
    this.#become("live")
    this.#handlers.onOpen()
  }

  // With `suspect`, a command in flight may be why the connection broke.
  #closed(code, reason, suspect = false) {
    this.#socket = null
    this.#handlers.onLost(suspect && navigator.onLine)
    if (code >= FINAL && code < 5000) return this.#stop(code)
    const crowded = code === FLOODING && !this.#welcomed
    this.#become(crowded ? "crowded" : navigator.onLine ? "reconnecting" : "offline")
    this.#timers.retry = setTimeout(() => this.#connect(), reconnectDelay(code, reason, this.#attempts++))
  }

  #stop(code) {
    clearInterval(this.#timers.watch)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#become("stopped")
    this.#handlers.onClosed(code)
  }

  // Treats the connection as closed without waiting for the close event, which a dead one never delivers.
  #drop(suspect = false) {
    if (this.state === "stopped" || !this.#socket) return
    const socket = this.#socket
    this.#closed(1006, "", suspect)
    socket.close()
  }

  #retryNow() {
    if (this.state !== "stopped" && !this.#socket) this.#connect()
  }

  #watch() {
    const silence = Math.abs(Date.now() - this.#receivedAt)
    if (Math.abs(clockSkew() - this.#skew) > CLOCK_MS && this.state === "live") this.#drop()
    else if (this.#socket && silence > SILENT_MS) this.#drop(true)
    else if (silence > PING_MS) this.sendVolatile("ping")
  }

  #onVisibilityChange() {
    if (document.hidden) this.#hiddenAt = Date.now()
    else if (!this.#socket) this.#retryNow()
    else if (Date.now() - this.#hiddenAt > HIDDEN_MS) this.#probe()
  }

  // After a sleep the connection is often dead although the browser reports it as open.
  #probe() {
    const asked = Date.now()
    this.sendVolatile("ping")
    setTimeout(() => this.#receivedAt < asked && this.#drop(), PROBE_MS)
  }

  #become(state) {
    if (this.state === state) return
    this.state = state
    this.#handlers.onState(state)
  }
}

// The difference between the wall clock and the monotonic clock: it changes when the wall clock is set.
function clockSkew() {
  return Date.now() - performance.now()
}
