// <message-list>: the stream. Puts drawn messages in, follows their end while the reader is there, and fetches older ones.
import { parse, upsert } from "../drawing.js"
import { onNewDay } from "../helpers/days.js"
import { mark, slot, write } from "../helpers/dom.js"
import { live } from "../live.js"
import { group } from "../models/grouping.js"
import { pendingMessage } from "../pending.js"

const NEAR_PX = 100 // within this of the end, the reader follows
const MOST_PAGES_FOR_A_LINK = 20
const STRANDED = {
  lost: "Not sent: the connection broke three times while this was on its way.",
  old: "Not sent: this waited for more than a day.",
}

export class MessageList extends HTMLElement {
  #off = []
  #following = true
  #unread = 0
  #fetching = null
  #noticed = false
  #size = ""
  #resize = new ResizeObserver(() => this.#follow())
  #older = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.fetchOlder())

  connectedCallback() {
    this.scroller = slot(this, "scroll")
    this.messages = slot(this, "messages")
    this.#off = [
      live.on("message", (event) => this.receive(event)),
      live.on("sent", (command) => this.#expect(command)),
      live.on("accepted", (command) => this.#settle(command)),
      live.on("refused", ({ command }) => this.#forget(command)),
      live.on("stranded", (event) => this.#strand(event)),
      live.on("abandoned", (command) => this.#forget(command)),
      onNewDay(() => this.#groupAll()),
    ]
    this.addEventListener("click", this.press)
    this.scroller.addEventListener("scroll", this.look, { passive: true })
    addEventListener("hashchange", this.#showLinked)
    this.#groupAll()
    this.#toEnd()
    this.#resize.observe(this.messages)
    this.#resize.observe(this.scroller)
    this.#older.observe(slot(this, "older"))
    this.#showLinked()
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
    this.#resize.disconnect()
    this.#older.disconnect()
    removeEventListener("hashchange", this.#showLinked)
  }

  // Applies one drawn message.
  receive({ html }) {
    this.#notice()
    const fresh = parse(html).firstElementChild
    const isNew = !document.getElementById(fresh.id)
    const message = upsert(this.messages, fresh)
    this.#groupAround(message)
    live.arrived(message.dataset.clientId)
    if (isNew && !this.#following && !message.hasAttribute("data-local-mine")) this.#countUnread(1)
    if (isNew && message.dataset.authorKind !== "user" && message.dataset.status === "done") live.emit("said", message)
  }

  press = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "newest") this.#toEnd("smooth")
    if (action === "older") this.fetchOlder()
  }

  look = () => {
    // A scroll that comes with a change of size is no reader's: the picture or the composer grew.
    if (this.#following && this.#size !== this.#measure()) return this.#follow()
    this.#following = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight <= NEAR_PX
    if (this.#following && this.#unread) this.#countUnread(-this.#unread)
  }

  // Puts the page of messages before the first one above it, without moving the reader. Whether there was one.
  fetchOlder() {
    if (!this.dataset.before) return Promise.resolve(false)
    this.#fetching ??= this.#fetchPage().finally(() => (this.#fetching = null))
    return this.#fetching
  }

  async #fetchPage() {
    const response = await fetch(`${location.pathname}/messages?before=${this.dataset.before}`).catch(() => null)
    if (!response?.ok) return false
    const page = parse(await response.text()).firstElementChild
    this.#keepingPlace(() => {
      for (const message of [...page.children]) upsert(this.messages, message)
      this.#groupAll()
      this.dataset.before = page.dataset.before
      slot(this, "older").hidden = !page.dataset.before
    })
    return true
  }

  #keepingPlace(change) {
    const anchor = this.querySelector("chat-message")
    const before = anchor?.getBoundingClientRect().top
    change()
    if (anchor) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before
  }

  #expect(command) {
    const known = command.client_id && this.#known(command)
    if (known) mark(known, "data-local-stranded", false)
    if (known || !command.client_id) return
    const message = pendingMessage(command)
    if (!message) return
    this.messages.append(message)
    this.#groupAround(message)
    this.#toEnd()
  }

  // It was given up: its words stay where they are, with the reason and what can be done. If it came after all, it is done.
  #strand({ command, why }) {
    this.#expect(command)
    const message = this.#known(command)
    if (!message.hasAttribute("data-local-pending")) return live.arrived(command.client_id)
    mark(message, "data-local-stranded", true)
    write(slot(message, "stranded"), STRANDED[why])
  }

  #known({ client_id: clientId }) {
    return this.querySelector(`[data-client-id="${CSS.escape(clientId)}"]`)
  }

  // The answer is there: its drawing follows at once, or came before; a left-over placeholder would stand for nothing.
  #settle({ client_id: clientId }) {
    if (clientId) document.getElementById(`pending_${clientId}`)?.setAttribute("data-local-answered", "")
  }

  #forget({ client_id: clientId }) {
    const message = clientId && document.getElementById(`pending_${clientId}`)
    const next = message?.nextElementSibling
    message?.remove()
    if (next) this.#groupAround(next)
  }

  #groupAll() {
    let previous = null
    for (const message of this.messages.querySelectorAll(":scope > chat-message")) {
      group(message, previous)
      previous = message
    }
  }

  #groupAround(message) {
    for (const each of [message, message.nextElementSibling]) {
      if (each) group(each, each.previousElementSibling?.localName === "chat-message" ? each.previousElementSibling : null)
    }
  }

  #follow() {
    if (this.#following) this.#toEnd()
  }

  // Before something new is put in: the reader may have moved so lately that no scroll was told yet. Once for a frame's
  // events, as looking costs a layout.
  #notice() {
    if (!this.#following || this.#noticed) return
    this.#noticed = true
    queueMicrotask(() => (this.#noticed = false))
    if (this.#size === this.#measure()) this.look()
  }

  #toEnd(behavior = "instant") {
    this.#following = true
    this.#size = this.#measure()
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior })
  }

  #measure() {
    return `${this.scroller.clientHeight} of ${this.scroller.scrollHeight}`
  }

  #countUnread(more) {
    this.#unread += more
    const pill = this.querySelector('[data-action="newest"]')
    pill.hidden = this.#unread === 0
    write(slot(pill, "new"), this.#unread === 1 ? "1 new message" : `${this.#unread} new messages`)
  }

  // #message_<id> in the address: older pages are fetched until it is there.
  #showLinked = async () => {
    const id = decodeURIComponent(location.hash.slice(1))
    if (!id.startsWith("message_")) return
    for (let page = 0; page < MOST_PAGES_FOR_A_LINK && !document.getElementById(id); page++) {
      if (!(await this.fetchOlder())) break
    }
    const message = document.getElementById(id)
    if (!message) return live.emit("toast", { kind: "link", words: "That message is not in this session." })
    this.#following = false
    message.scrollIntoView({ block: "center" })
    mark(message, "data-local-linked", true)
    setTimeout(() => mark(message, "data-local-linked", false), 2500)
  }
}

customElements.define("message-list", MessageList)
