// <message-list>: the stream. Inserts rendered messages, follows their end while the reader is there, and fetches older
// ones.
import { bus } from "../bus.js"
import { onDateChange } from "../helpers/date_change.js"
import { defineLater } from "../helpers/defining.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { inFirstFrame } from "../helpers/first_frame.js"
import { isOwn } from "../helpers/viewer.js"
import { groupMessage } from "../models/grouping.js"
import { ScrollFollower } from "../models/scroll_follower.js"
import { makesMessage, pendingMessage } from "../pending.js"
import { parse, placeOf, upsert } from "../rendering.js"
import { socket } from "../socket.js"

const MOST_PAGES_FOR_A_LINK = 60
const LINKED_MS = 2500
const NEAR_END = 3 // so many messages at the end are always laid out
const MARK_MS = 1000
const PLACEHOLDER_MS = 16 // a server nearby has answered by then, and the message itself is shown without a detour
const SAID_CHARACTERS = 200 // of what somebody else has written; all of it can be read there
const STRANDED = {
  lost: "Not sent: the connection broke three times while this was on its way.",
  old: "Not sent: this waited for more than a day.",
}

export class MessageList extends HTMLElement {
  #subscriptions = []
  #follower = null
  #unread = 0
  #screens = 0
  #fetching = null
  #marking = null
  #asking = null
  #overtaking = new Map() // events that have come since an older page was asked for, by the messages that it may have
  #expected = new Map() // the timers of commands whose placeholders are not shown yet, by client id
  #older = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.#fetchOlder())

  connectedCallback() {
    this.scroller = slot(this, "scroll")
    this.messages = slot(this, "messages")
    this.#follower = new ScrollFollower(this.scroller, (screens) => this.#showWayDown(screens))
    this.#subscriptions = [
      socket.on("message", (event) => this.receive(event)),
      bus.on("command-sent", (command) => this.#expect(command)),
      bus.on("command-accepted", (command) => this.#markAnswered(command)),
      bus.on("command-refused", ({ command }) => this.#removePending(command)),
      bus.on("command-stranded", (event) => this.#showStranded(event)),
      bus.on("command-discarded", (command) => this.#removePending(command)),
      onDateChange(() => this.#groupAll()),
    ]
    this.addEventListener("click", this.onClick)
    addEventListener("hashchange", this.onHashChange)
    this.#follower.hasBegun = this.querySelector("chat-message") !== null
    this.#groupAll()
    for (const command of socket.pending) this.#showPending(command) // sent before the stream was set up
    // Scrolls to the end, too, once all of it is laid out.
    this.#follower.observe(this.messages, this.scroller)
    this.#watchOlder()
    // Behind the batches, which are measured behind all other work.
    inFirstFrame(() => queueMicrotask(this.onHashChange))
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.#follower.disconnect()
    this.#older.disconnect()
    clearTimeout(this.#marking)
    clearTimeout(this.#asking)
    this.#expected.forEach(clearTimeout)
    removeEventListener("hashchange", this.onHashChange)
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    const action = button?.dataset.action
    if (action === "starter") bus.emit("compose", { mode: "image", text: slot(button, "prompt").textContent })
    if (action === "newest") this.#follower.scrollToEnd("smooth")
    if (action === "older") this.#fetchOlder()
  }

  // #message_<id> or #generation_<id> in the address: older pages are fetched until it is there; a picture is opened.
  onHashChange = async () => {
    const { hash } = location
    const id = decodeURIComponent(hash.slice(1))
    if (!/^(message|generation)_/.test(id)) return
    for (let page = 0; page < MOST_PAGES_FOR_A_LINK && !document.getElementById(id); page++) {
      if (!(await this.#fetchOlder())) break
    }
    if (hash !== location.hash) return // another one was followed meanwhile
    const place = document.getElementById(id)
    const message = place?.closest("chat-message")
    if (!message) return this.#tellMissing()
    this.#follower.leave()
    message.scrollIntoView({ block: "center" })
    setFlag(message, "data-local-linked", true)
    setTimeout(() => setFlag(message, "data-local-linked", false), LINKED_MS)
    if (place.file) bus.emit("open-picture", place)
  }

  #tellMissing() {
    const isElsewhere = !this.dataset.before
    const text = isElsewhere ? "That message is not in this session." : "That message cannot be loaded right now."
    bus.emit("toast", { kind: "link", text })
  }

  /** Puts the rendered message of an event of type `message` into the stream. */
  receive(event) {
    const { html, before } = event
    const fresh = parse(html).firstElementChild
    const known = document.getElementById(fresh.id)
    const isWhole = before === undefined || fresh.hidden || known?.completes(fresh, before)
    if (!isWhole) return socket.resume(Number(fresh.dataset.seq) - 1)
    const isNew = !known
    const isNews = isNew && !isOwn(fresh)
    const wasOpen = isNew ? !this.#hasVersionOf(fresh) : known.dataset.status === "streaming"
    if (isNews) this.#follower.check()
    bus.emit("message-received", fresh)
    // A change of a message that is not loaded comes with its page.
    const first = this.dataset.before && this.querySelector("chat-message")
    if (isNew && first && placeOf(fresh) < placeOf(first)) {
      if (this.#fetching) this.#overtaking.set(fresh.id, event)
      return socket.confirm(fresh.dataset.clientId)
    }
    if (fresh.hidden) return known && this.#removeVersion(known)
    const message = upsert(this.messages, fresh)
    this.#groupAround(message)
    socket.confirm(message.dataset.clientId)
    if (isNews && !this.#follower.following) this.#countUnread(1)
    if (message.dataset.authorKind !== "user") this.#tellReply(message, wasOpen)
    else if (isNews) this.#tellMessage(message)
  }

  // One that is there already is only exchanged for another.
  #hasVersionOf(message) {
    return [...this.querySelectorAll("chat-message")].some((each) => placeOf(each) === placeOf(message))
  }

  #tellReply(message, wasOpen) {
    const { status } = message.dataset
    const hasEnded = status === "done" || status === "failed"
    if (wasOpen && hasEnded) bus.emit("reply-completed", { author: authorOf(message), failed: status === "failed" })
  }

  #tellMessage(message) {
    const words = message.prompt || slot(message, "text")?.textContent.trim()
    const said = [...(words ?? "")].slice(0, SAID_CHARACTERS).join("")
    if (said) bus.emit("message-arrived", { author: authorOf(message), words: said })
  }

  // Another version has taken its place already; the keyboard goes on there.
  #removeVersion(message) {
    const focused = message.contains(document.activeElement) && document.activeElement.dataset.action
    const place = placeOf(message)
    this.#remove(message)
    if (!focused) return
    const other = [...this.querySelectorAll("chat-message")].find((each) => placeOf(each) === place)
    const same = other?.querySelector(`[data-action="${focused}"]:enabled`)
    ;(same ?? other?.querySelector("button:enabled:not(.prose *)"))?.focus()
  }

  // Observed again, it tells that the beginning is in sight still.
  #watchOlder() {
    this.#older.disconnect()
    this.#older.observe(slot(this, "older"))
  }

  // Inserts the page of messages before the first one without moving the reader. Resolves with whether there was one.
  #fetchOlder() {
    if (!this.dataset.before) return Promise.resolve(false)
    this.#fetching ??= this.#fetchPage().finally(() => (this.#fetching = null))
    return this.#fetching
  }

  async #fetchPage() {
    this.#overtaking.clear()
    const { text, again } = await fetchText(`${location.pathname}/messages?before=${this.dataset.before}`)
    if (!text) {
      if (again) this.#asking = setTimeout(() => this.#watchOlder(), again)
      return false
    }
    const page = parse(text).firstElementChild
    this.#keepPosition(() => {
      for (const message of [...page.children]) upsert(this.messages, message)
      for (const [id, event] of this.#overtaking) if (document.getElementById(id)) this.receive(event)
      for (const message of this.messages.querySelectorAll("chat-message[data-reply-to]")) message.showWhomItAnswers?.()
      this.#groupAll()
      this.dataset.before = page.dataset.before
      slot(this, "older").hidden = !page.dataset.before
    })
    return true
  }

  // What the reader sees first stays where it is. For two frames all is laid out, after which the browser knows the
  // size of each message: with a guess instead, the one above would shrink or grow when it comes into view.
  #keepPosition(change) {
    setFlag(this.messages, "data-local-measuring", true)
    const top = this.scroller.getBoundingClientRect().top
    const messages = [...this.messages.querySelectorAll(":scope > chat-message")]
    const anchor = messages.find((message) => message.getBoundingClientRect().bottom > top)
    const before = anchor?.getBoundingClientRect().top
    change()
    // Batches of pictures are measured behind the change.
    queueMicrotask(() => {
      if (anchor) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before
    })
    const measured = () => setFlag(this.messages, "data-local-measuring", false)
    requestAnimationFrame(() => requestAnimationFrame(measured))
  }

  #expect(command) {
    if (!makesMessage(command)) return
    this.#follower.join()
    if (socket.state !== "live") return this.#showPending(command)
    const show = setTimeout(() => this.#showPending(command), PLACEHOLDER_MS)
    this.#expected.set(command.client_id, show)
  }

  #stopExpecting(clientId) {
    clearTimeout(this.#expected.get(clientId))
    this.#expected.delete(clientId)
  }

  #showPending(command) {
    this.#stopExpecting(command.client_id)
    const known = command.client_id && this.#find(command)
    if (known) setFlag(known, "data-local-stranded", false)
    if (known || !command.client_id) return
    const message = pendingMessage(command)
    if (!message) return
    this.messages.append(message)
    this.#groupAround(message)
    this.#follower.join()
  }

  // A stranded command keeps its place, with the reason and what can be done. If its message exists, it was not lost.
  #showStranded({ command, why }) {
    this.#showPending(command)
    const message = this.#find(command)
    if (!message.hasAttribute("data-local-pending")) return socket.confirm(command.client_id)
    message.showStranded(STRANDED[why])
  }

  #find({ client_id: clientId }) {
    return this.querySelector(`[data-client-id="${CSS.escape(clientId)}"]`)
  }

  // The rendered message follows the answer at once, or came before; only then is the pending one left over.
  #markAnswered({ client_id: clientId }) {
    this.#stopExpecting(clientId)
    if (clientId) document.getElementById(`pending_${clientId}`)?.setAttribute("data-local-answered", "")
  }

  #removePending({ client_id: clientId }) {
    this.#stopExpecting(clientId)
    const message = clientId && document.getElementById(`pending_${clientId}`)
    if (message) this.#remove(message)
  }

  #remove(message) {
    const next = message.nextElementSibling
    message.remove()
    if (next) this.#groupAround(next)
  }

  // All but the last ones.
  #markFar() {
    const messages = [...this.messages.querySelectorAll(":scope > chat-message")]
    messages.forEach((message, index) => setFlag(message, "data-local-far", index < messages.length - NEAR_END))
  }

  // To mark one costs layouts, which are no part of showing the message that comes after it.
  #markFarSoon() {
    clearTimeout(this.#marking)
    this.#marking = setTimeout(() => this.#markFar(), MARK_MS)
  }

  #groupAll() {
    this.#markFar()
    let previous = null
    for (const message of this.messages.querySelectorAll(":scope > chat-message")) {
      groupMessage(message, previous)
      previous = message
    }
  }

  #groupAround(message) {
    this.#follower.hasBegun = true
    this.#markFarSoon()
    for (const each of [message, message.nextElementSibling]) {
      const previous = each?.previousElementSibling
      if (each) groupMessage(each, previous?.localName === "chat-message" ? previous : null)
    }
  }

  #countUnread(more) {
    this.#unread += more
    const news = this.#unread === 1 ? "1 new message" : `${this.#unread} new messages`
    const button = this.querySelector('[data-action="newest"]')
    button.hidden = !this.#unread && this.#screens <= 1
    button.ariaLabel = this.#unread ? news : "To the newest"
    setText(slot(button, "new"), this.#unread ? news : "")
  }

  #showWayDown(screens) {
    this.#screens = screens
    this.#countUnread(this.#follower.following ? -this.#unread : 0)
  }
}

function authorOf(message) {
  return message.querySelector(".message__author").textContent
}

defineLater("stream", "message-list", MessageList)
