// <chat-room>: the page as a whole. Starts the socket, keeps what concerns every part (rights, title, status), and the keys.
import { writing } from "../helpers/dom.js"
import { composing } from "../helpers/keys.js"
import { keep, recall } from "../helpers/storage.js"
import { live } from "../live.js"

const WIDE = matchMedia("(min-width: 75rem)")
const ANEW = new Set([4504, "somebody-else"]) // the page is not for whoever is here now: it is fetched again, and says so
const CROWDED = "Too many tabs are open, yours or those of others behind your address. Close one, and this page connects by itself."
const ENDED = {
  4501: "You were signed out. Reload the page to sign in again.",
  4503: "This address may not open the session. Use the site's own address.",
  4512: "This account was closed.",
  4520: "This page is out of date. Reload it.",
}

export class ChatRoom extends HTMLElement {
  #off = []

  connectedCallback() {
    this.#off = [
      live.on("session", ({ session }) => this.#show(session)),
      live.on("stopped", ({ code }) => this.#end(code)),
      live.on("state", (state) => state === "crowded" && live.emit("toast", { kind: state, words: CROWDED, stays: true })),
    ]
    this.toggleAttribute("data-local-collapsed", Boolean(recall("sessions-collapsed")))
    this.addEventListener("click", this.press)
    document.addEventListener("click", this.close)
    document.addEventListener("keydown", this.key)
    for (const type of ["dragover", "drop"]) this.addEventListener(type, this.drop)
    live.start({ session: this.dataset.session, after: Number(this.dataset.seq) })
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
    document.removeEventListener("click", this.close)
    document.removeEventListener("keydown", this.key)
  }

  press = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "shortcuts") document.getElementById("shortcuts").showModal()
    if (action === "toggle-sessions" && WIDE.matches) {
      event.preventDefault() // on wide screens it is a column, not a popover
      this.#collapse(!this.hasAttribute("data-local-collapsed"))
    }
  }

  // A press on a dialog's close button, or beside it.
  close = (event) => {
    const dialog = event.target.closest?.("dialog.dialog")
    if (dialog && (event.target === dialog || event.target.closest('[data-action="close-dialog"]'))) dialog.close()
  }

  // A file let fall on the page would take its place.
  drop = (event) => {
    if (!event.dataTransfer.types.includes("Files")) return
    event.preventDefault()
    if (event.type === "drop") live.emit("toast", { kind: "files", words: "Files cannot be sent here. Describe in words what you want to see." })
  }

  key = (event) => {
    if (composing(event)) return
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return this.#findSession(event)
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || writing(event.target)) return
    if (document.querySelector("dialog[open]")) return
    this.#letters[event.key.toLowerCase()]?.(event)
  }

  #letters = {
    "?": () => document.getElementById("shortcuts").showModal(),
    "/": (event) => this.#compose(event, null),
    i: (event) => this.#compose(event, "image"),
    v: (event) => this.#compose(event, "video"),
    d: () => this.#tile()?.querySelector(".downloads__main")?.click(),
    f: () => this.#tile()?.querySelector('[data-action="favorite"]')?.click(),
  }

  #compose(event, mode) {
    event.preventDefault()
    live.emit("compose", { mode })
  }

  #tile() {
    return document.activeElement.closest("generation-card") ?? this.querySelector("generation-card:hover")
  }

  #findSession(event) {
    event.preventDefault()
    const sessions = document.getElementById("sessions")
    if (WIDE.matches) this.#collapse(false)
    else sessions.showPopover()
    sessions.querySelector("input[type=search]").focus()
  }

  #collapse(on) {
    this.toggleAttribute("data-local-collapsed", on)
    keep("sessions-collapsed", on || null)
  }

  #end(code) {
    if (ANEW.has(code)) return location.reload()
    live.emit("toast", { kind: "stopped", words: ENDED[code] ?? "The server ended this connection. Reload the page.", stays: true })
  }

  #show(session) {
    const owner = session.owner_id === this.dataset.viewer
    // What a plan allows is drawn all over the page; what was typed survives.
    if (session.plan_id !== this.dataset.plan) return location.reload()
    this.dataset.status = session.status
    this.dataset.mayGenerate = session.status === "active" && (owner || session.guests_may_generate) ? "yes" : "no"
    this.querySelector("session-title").show(session.title)
    live.emit("rights", this.dataset)
  }
}

customElements.define("chat-room", ChatRoom)
