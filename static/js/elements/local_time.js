// <local-time data-style="datetime|date|clock|day|relative|left|moment"><time datetime="…Z">…</time></local-time>
// A moment in the reader's own time zone and language. One shared timer updates those that count from now.
import { onDateChange } from "../helpers/date_change.js"
import { defineLater } from "../helpers/defining.js"
import { setText } from "../helpers/dom.js"
import { inFirstFrame } from "../helpers/first_frame.js"
import { callEach } from "../helpers/listeners.js"
import { formatTime, resetFormats } from "../helpers/time_format.js"

const COUNTING = new Set(["relative", "left"])
const TICK_MS = 15_000
const ticking = new Set()
const showTicking = () => callEach([...ticking].map((element) => () => element.show()))
let timer = null

export class LocalTime extends HTMLElement {
  static observedAttributes = ["data-style"]

  connectedCallback() {
    // Those of messages are shown before these are laid out, and not again after it.
    if (this.closest("chat-message")) this.show()
    else inFirstFrame(() => this.show())
    if (COUNTING.has(this.dataset.style)) start(this)
  }

  disconnectedCallback() {
    stop(this)
  }

  attributeChangedCallback() {
    if (this.isConnected) this.connectedCallback()
  }

  /** Called after a newer rendering of its message was put in its place, with the server's words for the time. */
  rendered() {
    this.show()
  }

  /** Shows another moment, given as an ISO 8601 text. */
  setTime(text) {
    this.querySelector("time").dateTime = text
    this.show()
  }

  /** Writes the time as it reads now. */
  show() {
    const time = this.querySelector("time")
    const date = new Date(time?.dateTime ?? "")
    if (Number.isNaN(date.getTime())) return
    setText(time, formatTime(date, this.dataset.style))
    time.title = formatTime(date)
  }
}

function start(element) {
  ticking.add(element)
  timer ??= setInterval(showTicking, TICK_MS)
}

function stop(element) {
  ticking.delete(element)
  if (ticking.size === 0) {
    clearInterval(timer)
    timer = null
  }
}

// In another time zone every time reads differently; on another day, some do.
onDateChange(() => {
  resetFormats()
  for (const element of document.querySelectorAll("local-time")) element.show?.()
})

defineLater("stream", "local-time", LocalTime)
