// One websocket that comes back by itself, and the commands that wait for their answers across every reconnect.
import { newId } from "./helpers/ids.js"
import { setServerTime } from "./helpers/time.js"
import { reconnectDelay } from "./models/backoff.js"

const PING_MS = 20_000 // asked when nothing was heard for so long: the browser hides the protocol's own pings
const SILENT_MS = 45_000 // then the line is dead, whatever the browser believes
const LATER = new Set(["busy", "not-ready", "rate-limited"]) // nothing was stored: the same command may go again
const FINAL = 4500 // close codes from here on mean: do not come back

export class Refusal extends Error {
  constructor(command, error) {
    super(error.message)
    Object.assign(this, { command, code: error.code, retryAfter: error.retry_after, details: error.details ?? {} })
  }
}

export class Socket {
  state = "connecting"
  after = 0
  #outbox
  #listeners = new Map()
  #waiting = new Map()
  #url = ""
  #session = ""
  #socket = null
  #tries = 0
  #heardAt = 0
  #hiddenAt = 0
  #timers = { retry: null, watch: null }

  constructor(outbox) {
    this.#outbox = outbox
  }

  async start({ session, after }) {
    this.#session = session
    this.#url = `${location.origin.replace(/^http/, "ws")}/ws/sessions/${session}`
    this.after = after
    addEventListener("online", () => this.#retryNow())
    addEventListener("offline", () => this.#drop())
    document.addEventListener("visibilitychange", () => this.#lookAgain())
    this.#timers.watch = setInterval(() => this.#watch(), 5000)
    this.#connect()
    for (const command of await this.#outbox.all(session)) this.#adopt(command)
  }

  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
    this.#listeners.get(type).add(listener)
    return () => this.#listeners.get(type).delete(listener)
  }

  emit(type, event) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event)
  }

  // Asks for something, now or once the line is back. Fulfils with the result, rejects with a Refusal.
  send(type, fields) {
    const command = { ref: newId(), type, ...fields }
    return new Promise((resolve, reject) => {
      this.#waiting.set(command.ref, { command, resolve, reject, tries: 0 })
      this.#outbox.put(this.#session, command)
      this.emit("sent", command)
      this.#transmit(command)
    })
  }

  // Says something that is worth nothing later.
  mention(type) {
    this.#transmit({ type, ref: "-" })
  }

  get waiting() {
    return [...this.#waiting.values()].map((entry) => entry.command)
  }

  #adopt(command) {
    if (this.#waiting.has(command.ref)) return
    const ignore = () => {}
    this.#waiting.set(command.ref, { command, resolve: ignore, reject: ignore, tries: 0 })
    this.emit("sent", command)
    this.#transmit(command)
  }

  #connect() {
    clearTimeout(this.#timers.retry)
    const socket = new WebSocket(`${this.#url}?after=${this.after}`, "chat.v1.html")
    this.#socket = socket
    this.#heardAt = Date.now()
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data)
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason)
  }

  #transmit(command) {
    if (this.state === "live") this.#socket.send(JSON.stringify(command))
  }

  #receive(data) {
    this.#heardAt = Date.now()
    for (const event of JSON.parse(data)) {
      if (event.type === "welcome") this.#welcome(event)
      if (event.type === "reply") this.#reply(event)
      else this.emit(event.type, event)
      if (event.seq && event.type === "message") this.after = Math.max(this.after, event.seq)
    }
  }

  #welcome(event) {
    this.#tries = 0
    setServerTime(event.now)
    this.#become("live")
    for (const { command } of this.#waiting.values()) this.#transmit(command)
  }

  #reply({ ref, ok, result, error }) {
    const entry = this.#waiting.get(ref)
    if (!entry) return
    if (!ok && LATER.has(error.code) && entry.tries++ < 5) {
      setTimeout(() => this.#waiting.has(ref) && this.#transmit(entry.command), 1000 * (error.retry_after ?? entry.tries))
      return
    }
    this.#waiting.delete(ref)
    this.#outbox.remove(ref)
    if (ok) this.#accept(entry, result)
    else this.#refuse(entry, error)
  }

  #accept({ command, resolve }, result) {
    resolve(result)
    this.emit("accepted", command)
  }

  #refuse({ command, reject }, error) {
    const refusal = new Refusal(command, error)
    reject(refusal)
    this.emit("refused", refusal)
  }

  #closed(code, reason) {
    this.#socket = null
    if (code >= FINAL && code < 5000) return this.#stop(code)
    this.#become(navigator.onLine ? "reconnecting" : "offline")
    this.#timers.retry = setTimeout(() => this.#connect(), reconnectDelay(code, reason, this.#tries++))
  }

  #stop(code) {
    clearInterval(this.#timers.watch)
    this.#become("stopped")
    this.emit("stopped", { code })
  }

  // Gives up on a line without waiting for its close, which a dead one never brings.
  #drop() {
    if (this.state === "stopped" || !this.#socket) return
    const socket = this.#socket
    this.#closed(1006, "")
    socket.close()
  }

  #retryNow() {
    if (this.state !== "stopped" && !this.#socket) this.#connect()
  }

  #watch() {
    const silence = Date.now() - this.#heardAt
    if (this.#socket && silence > SILENT_MS) this.#drop()
    else if (silence > PING_MS) this.mention("ping")
  }

  #lookAgain() {
    if (document.hidden) this.#hiddenAt = Date.now()
    else if (!this.#socket) this.#retryNow()
    else if (Date.now() - this.#hiddenAt > 60_000) this.#probe()
  }

  // A laptop that slept often comes back with a line that only looks open.
  #probe() {
    const asked = Date.now()
    this.mention("ping")
    setTimeout(() => this.#heardAt < asked && this.#drop(), 5000)
  }

  #become(state) {
    if (this.state === state) return
    this.state = state
    this.emit("state", state)
  }
}
