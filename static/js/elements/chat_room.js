// <chat-room>: the chat page as a whole. Starts the connection, keeps the permissions and the status, and handles the
// keyboard shortcuts.
import { bus } from "../bus.js"
import { defineLater } from "../helpers/defining.js"
import { isEditable } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { socket } from "../socket.js"

// Wider than this a side is a column, else it is a popover above the stream: the list of sessions a drawer, the details
// a sheet (static/css/room.css).
const WIDE = matchMedia("(min-width: 75rem)")
const SIDES = { sessions: WIDE, details: matchMedia("(min-width: 60rem)") }
const YEAR_SECONDS = 31_536_000
const RELOAD = new Set([4504, "viewer-changed"]) // the page is not for the person who is signed in now: fetch it again
const CROWDED =
  "Too many tabs are open, yours or those of others behind your address. Close one, and this page connects by itself."
const CLOSED = {
  4501: "You were signed out. Reload the page to sign in again.",
  4503: "This address may not open the session. Use the site's own address.",
  4512: "This account was closed. If it was not you who closed it, sign in to read why.",
  4520: "This page is out of date. Reload it.",
}

export class ChatRoom extends HTMLElement {
  #subscriptions = []

  connectedCallback() {
    this.#subscriptions = [
      socket.on("session", ({ session }) => this.#setSession(session)),
      bus.on("connection-closed", ({ code }) => this.#onClosed(code)),
      bus.on("connection-state", (state) => this.#onState(state)),
      bus.on("shortcuts", () => this.#showShortcuts()),
    ]
    this.addEventListener("click", this.onClick)
    document.addEventListener("click", this.onDialogClick)
    document.addEventListener("keydown", this.onKeydown)
    for (const [id, wide] of Object.entries(SIDES)) {
      const side = document.getElementById(id)
      side.addEventListener("beforetoggle", this.onToggle)
      side.addEventListener("toggle", this.onToggle)
      wide.addEventListener("change", () => wide.matches && side.hidePopover())
    }
    socket.start(Number(this.dataset.seq))
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    document.removeEventListener("click", this.onDialogClick)
    document.removeEventListener("keydown", this.onKeydown)
  }

  onClick = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "shortcuts") this.#showShortcuts()
    if (action === "find") bus.emit("find")
    if (action === "toggle-sessions" && WIDE.matches) {
      event.preventDefault() // on wide screens the list is a column, not a popover
      this.#collapse(!this.hasAttribute("data-local-collapsed"))
    }
  }

  // A click on a dialog's close button, or on its backdrop.
  onDialogClick = (event) => {
    const dialog = event.target.closest?.("dialog.dialog")
    if (dialog && (event.target === dialog || event.target.closest('[data-action="close-dialog"]'))) dialog.close()
  }

  // While a side is open, what it covers takes no focus; the browser gives it back to the button when the side closes.
  onToggle = ({ type, newState, target: side }) => {
    const open = newState === "open"
    if (open && type === "beforetoggle") return // the browser still has to note where the focus was
    for (const covered of this.querySelectorAll(":scope > :is(.bar, .room__main)")) covered.inert = open
    if (open) (side.querySelector("[aria-current]") ?? side.querySelector("button")).focus()
  }

  onKeydown = (event) => {
    if (isComposing(event)) return
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return this.#find(event)
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isEditable(event.target)) return
    if (document.querySelector("dialog[open], :popover-open")) return
    this.#shortcuts[event.key.toLowerCase()]?.(event)
  }

  #shortcuts = {
    "?": () => this.#showShortcuts(),
    "/": (event) => this.#compose(event, null),
    i: (event) => this.#compose(event, "image"),
    v: (event) => this.#compose(event, "video"),
    d: () => this.#currentCard()?.download(),
    f: () => this.#currentCard()?.toggleFavorite(),
    escape: () => bus.emit("escape"),
  }

  #compose(event, mode) {
    event.preventDefault()
    bus.emit("compose", { mode })
  }

  #currentCard() {
    return document.activeElement.closest("generation-card") ?? this.querySelector("generation-card:hover")
  }

  #showShortcuts() {
    document.getElementById("shortcuts").showModal()
  }

  #find(event) {
    event.preventDefault()
    if (!document.querySelector("dialog[open]")) bus.emit("find")
  }

  // A plain cookie, so that the server draws the next page so.
  #collapse(on) {
    this.toggleAttribute("data-local-collapsed", on)
    const secure = location.protocol === "https:" ? "; Secure" : ""
    document.cookie = `collapsed=${on ? "yes" : ""}; Path=/; Max-Age=${on ? YEAR_SECONDS : 0}; SameSite=Lax${secure}`
  }

  #onState(state) {
    this.toggleAttribute("data-local-offline", state === "offline" || state === "reconnecting")
    if (state === "crowded") bus.emit("toast", { kind: state, text: CROWDED, stays: true })
  }

  #onClosed(code) {
    if (RELOAD.has(code)) return location.reload()
    const text = CLOSED[code] ?? "The server ended this connection. Reload the page."
    bus.emit("toast", { kind: "stopped", text, stays: true })
  }

  #setSession(session) {
    const owner = session.owner_id === this.dataset.viewer
    // The plan's limits are rendered all over the page. The draft survives the reload.
    if (session.plan_id !== this.dataset.plan) return location.reload()
    this.dataset.status = session.status
    this.dataset.mayGenerate = session.status === "active" && (owner || session.guests_may_generate) ? "yes" : "no"
    this.querySelector("session-title").show(session.title)
    bus.emit("permissions-changed", this.dataset)
  }
}

defineLater("stream", "chat-room", ChatRoom)
