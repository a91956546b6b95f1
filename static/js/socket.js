// One websocket that comes back by itself, and the commands that wait for their answers across every reconnect.
import { newId } from "./helpers/ids.js"
import { callEach } from "./helpers/listeners.js"
import { setServerTime } from "./helpers/time.js"
import { reconnectDelay } from "./models/backoff.js"
import { hopeless, Waiting } from "./models/waiting.js"

const PING_MS = 20_000 // asked when nothing was heard for so long: the browser hides the protocol's own pings
const SILENT_MS = 45_000 // then the line is dead, whatever the browser believes
const CLOCK_MS = 5_000 // a clock that jumps so far was set, or the machine slept: the server's time is asked for anew
const DAY_MS = 86_400_000 // words that waited so long are not sent without being asked
const LATER = new Set(["busy", "not-ready", "rate-limited"]) // nothing was stored: the same command may go again
const MAKES_MESSAGE = new Set(["message.create", "generation.create"])
const FLOODING = 4429 // before a welcome: as many are open as may be, by this person or behind this address
const AFTER_A_CLOSE_MS = 300 // until the server knows that a tab is gone
const DELIBERATE = new Set([1012, 4408, FLOODING]) // the server lives, and says why it closes
const SOON_S = 60 // later than that one rather hears why, and when
const FINAL = 4500 // close codes from here on mean: do not come back
const SOMEBODY_ELSE = "somebody-else"

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
  #viewer
  #listeners = new Map()
  #waiting = new Waiting()
  #stranded = new Map()
  #url = ""
  #session = ""
  #socket = null
  #tries = 0
  #heardAt = 0
  #hiddenAt = 0
  #skew = 0
  #welcomed = false
  #timers = { retry: null, watch: null }

  constructor(outbox, viewer) {
    this.#outbox = outbox
    this.#viewer = viewer
  }

  async start({ session, after }) {
    this.#session = session
    this.#url = `${location.origin.replace(/^http/, "ws")}/ws/sessions/${session}`
    this.after = after
    addEventListener("online", () => this.#retryNow())
    addEventListener("offline", () => this.#drop())
    addEventListener("pageshow", ({ persisted }) => persisted && this.#retryNow())
    document.addEventListener("visibilitychange", () => this.#lookAgain())
    this.#listenToTabs()
    this.#timers.watch = setInterval(() => this.#watch(), 5000)
    this.#connect()
    for (const entry of await this.#outbox.all(session)) this.#adopt(entry)
  }

  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
    this.#listeners.get(type).add(listener)
    return () => this.#listeners.get(type).delete(listener)
  }

  emit(type, event) {
    callEach(this.#listeners.get(type) ?? [], event)
  }

  // Asks for something, now or once the line is back. Fulfils with the result, rejects with a Refusal.
  send(type, fields) {
    const command = { ref: newId(), type, ...fields }
    return new Promise((resolve, reject) => this.#take({ command, at: Date.now(), resolve, reject }))
  }

  // Says something that is worth nothing later.
  mention(type) {
    if (this.state === "live") this.#write({ type, ref: "-" })
  }

  get waiting() {
    return this.#waiting.commands
  }

  // Tries once more what was given up, by its client_id; or lets it be.
  tryAgain(clientId) {
    const entry = this.#unstrand(clientId)
    if (entry) this.#take({ ...entry, at: Date.now(), losses: 0 })
  }

  letBe(clientId) {
    const entry = this.#unstrand(clientId)
    if (!entry) return
    this.#outbox.remove(entry.command.ref)
    this.emit("abandoned", entry.command)
  }

  // A message is there; what waited under its client_id was not lost after all.
  arrived(clientId) {
    const entry = this.#unstrand(clientId)
    if (entry) this.#outbox.remove(entry.command.ref)
  }

  #unstrand(clientId) {
    const entry = this.#stranded.get(clientId)
    this.#stranded.delete(clientId)
    return entry
  }

  #take(entry) {
    this.#outbox.put(this.#session, this.#waiting.add(entry))
    this.emit("sent", entry.command)
    this.#flush()
  }

  #adopt(entry) {
    const { command, at, stranded } = entry
    if (this.#waiting.get(command.ref)) return
    const ignore = () => {}
    const whole = this.#waiting.add({ ...entry, resolve: ignore, reject: ignore })
    if (stranded || at < Date.now() - DAY_MS) return this.#strand(whole, stranded || "old")
    this.emit("sent", command)
    this.#flush()
  }

  // A tab that closes makes room for one that found none.
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
    this.#heardAt = Date.now()
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data)
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#closed(code, reason, !DELIBERATE.has(code))
  }

  #flush() {
    if (this.state !== "live") return
    for (const command of this.#waiting.take()) this.#write(command)
  }

  #write(command) {
    this.#socket.send(JSON.stringify(command))
  }

  #receive(data) {
    this.#heardAt = Date.now()
    for (const event of JSON.parse(data)) {
      if (event.type === "welcome") this.#welcome(event)
      if (this.state === "stopped") return
      if (event.type === "reply") this.#reply(event)
      else this.emit(event.type, event)
      if (event.seq && event.type === "message") this.after = Math.max(this.after, event.seq)
    }
  }

  // A page of one person never speaks for the next who signed in at this browser.
  #welcome({ you, now }) {
    if (you.id !== this.#viewer) return this.#stop(SOMEBODY_ELSE)
    this.#tries = 0
    this.#welcomed = true
    this.#skew = skew()
    setServerTime(now)
    this.#become("live")
    this.#flush()
  }

  #reply({ ref, ok, result, error }) {
    const entry = this.#waiting.get(ref)
    if (!entry) return
    const soon = !ok && LATER.has(error.code) && (error.retry_after ?? 0) <= SOON_S
    if (soon && entry.tries++ < 5) this.#rest(entry, error.retry_after ?? entry.tries)
    else this.#answered(entry, ok, result, error)
    this.#flush()
  }

  #rest(entry, seconds) {
    Object.assign(entry, { underway: false, resting: true })
    setTimeout(() => {
      entry.resting = false
      this.#flush()
    }, 1000 * seconds)
  }

  #answered(entry, ok, result, error) {
    this.#waiting.remove(entry.command.ref)
    this.#outbox.remove(entry.command.ref)
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

  // With `blame` what was on its way may be why the line broke.
  #closed(code, reason, blame = false) {
    this.#socket = null
    this.#lose(blame && navigator.onLine)
    if (code >= FINAL && code < 5000) return this.#stop(code)
    const crowded = code === FLOODING && !this.#welcomed
    this.#become(crowded ? "crowded" : navigator.onLine ? "reconnecting" : "offline")
    this.#timers.retry = setTimeout(() => this.#connect(), reconnectDelay(code, reason, this.#tries++))
  }

  #lose(blame) {
    for (const entry of this.#waiting.lose(blame)) {
      if (hopeless(entry)) this.#strand(entry, "lost")
      else if (blame) this.#outbox.put(this.#session, entry)
    }
  }

  // Gives up on a command: one that makes a message keeps its words in their place until its author decides.
  #strand(entry, why) {
    const { command } = entry
    this.#waiting.remove(command.ref)
    if (!MAKES_MESSAGE.has(command.type)) {
      this.#outbox.remove(command.ref)
      return this.#refuse(entry, { code: "given-up", message: "The connection broke each time this was asked. It is not tried again." })
    }
    entry.stranded = why
    this.#stranded.set(command.client_id, entry)
    this.#outbox.put(this.#session, entry)
    this.emit("stranded", { command, why })
  }

  #stop(code) {
    clearInterval(this.#timers.watch)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#become("stopped")
    this.emit("stopped", { code })
  }

  // Gives up on a line without waiting for its close, which a dead one never brings.
  #drop(blame = false) {
    if (this.state === "stopped" || !this.#socket) return
    const socket = this.#socket
    this.#closed(1006, "", blame)
    socket.close()
  }

  #retryNow() {
    if (this.state !== "stopped" && !this.#socket) this.#connect()
  }

  #watch() {
    const silence = Math.abs(Date.now() - this.#heardAt)
    if (Math.abs(skew() - this.#skew) > CLOCK_MS && this.state === "live") this.#drop()
    else if (this.#socket && silence > SILENT_MS) this.#drop(true)
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

// How far the clock on the wall is from the one that only counts: it changes when the former is set.
function skew() {
  return Date.now() - performance.now()
}
