// <chat-message>: one message. A streamed reply grows at its end; its author can stop, copy or delete it.
import { bus } from "../bus.js"
import { complete } from "../completing.js"
import { call } from "../helpers/api.js"
import { defineLater } from "../helpers/defining.js"
import { copyText, setFlag, setText, slot } from "../helpers/dom.js"
import { keepFocus } from "../helpers/focus.js"
import { newId } from "../helpers/ids.js"
import { isComposing } from "../helpers/keys.js"
import { readStored, writeStored } from "../helpers/storage.js"
import { lengthProblem } from "../helpers/text.js"
import { everySecond, now } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"
import { isOwn, viewer } from "../helpers/viewer.js"
import { StreamedReply } from "../models/streamed_reply.js"
import { socket } from "../socket.js"

const SLOW_SECONDS = 2
// The last line of a reply that did not come to its own end.
const FINISH_REASON = /(?:^|\n\n)\*[^\n]+\* \(`[a-z-]+`\)$/
const SCROLLING = { ".prose pre > code": "Code", ".prose .table": "Table", ".prose .math--display": "Formula" }

export class ChatMessage extends HTMLElement {
  #stream = null // while its reply is written
  #subscriptions = []
  #stopWaiting = null
  #heardAt = 0
  #isSlow = false
  #cancelDeletion = null

  connectedCallback() {
    complete(this)
    this.addEventListener("click", this.onClick)
    this.rendered()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.#stream?.drawPart()
    this.#stopStreaming()
    this.#tellStreaming(false)
  }

  /** The prompt of its pictures or clips; empty for a message in words. */
  get prompt() {
    return this.querySelector(".message__prompt")?.textContent ?? ""
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    this.#stream?.rendered()
    this.#complete()
  }

  /** Called when what it replies to may have come into the page after it, too. */
  showWhomItAnswers() {
    const asked = document.getElementById(`message_${this.dataset.replyTo}`)
    if (asked) setFlag(this, "data-local-answers-me", asked.dataset.authorId === viewer())
  }

  #complete() {
    setFlag(this, "data-local-mine", isOwn(this))
    this.showWhomItAnswers()
    this.#tellStreaming(this.dataset.status === "streaming")
    this.#addButtons()
    if (this.dataset.status === "streaming") this.#startStreaming()
    else this.#stopStreaming()
    // Elements of a message that has just been inserted may not be upgraded yet; they show themselves when they are.
    const parts = "generation-stack, generation-card, generation-batch, local-time"
    for (const part of this.querySelectorAll(parts)) part.rendered?.()
  }

  /**
   * Completes a newer rendering of the ended reply, which comes without the blocks that cover `before` code units, by
   * those that are here. Returns false where they are not.
   */
  completes(fresh, before) {
    if (Number(fresh.dataset.seq) <= Number(this.dataset.seq)) return true
    this.#stream?.drawPart()
    const [text, place] = [slot(this, "text"), slot(fresh, "text")]
    if (!place) return true // hidden by the operator
    if (Number(text?.dataset.closed) !== before) return false
    const drawn = text.cloneNode(true)
    for (const added of drawn.querySelectorAll("[data-added], [data-open]")) added.remove()
    place.prepend(...drawn.childNodes)
    return true
  }

  // Only who asked can stop a reply from the composer.
  #tellStreaming(streaming) {
    const mine = this.hasAttribute("data-local-answers-me")
    if (mine) bus.emit("reply-streaming", { id: this.dataset.id, streaming })
  }

  /** Shows that it was not sent, why, and what its author can do. */
  showStranded(reason) {
    setFlag(this, "data-local-stranded", true)
    setText(slot(this, "stranded"), reason)
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (!button || button.closest("generation-card")) return
    if (button.getAttribute("aria-disabled") !== "true") this.#actions[button.dataset.action]?.(button)
  }

  #actions = {
    stop: (button) => this.#send(button, "message.stop", { message_id: this.dataset.id }),
    // Addressed by name: in a session with several people the assistant answers only then.
    continue: (button) =>
      this.#send(button, "message.create", { client_id: newId(), text: "@assistant Please go on." }),
    delete: () => this.#delete(),
    undo: () => this.#undoDeletion(),
    "try-again": () => socket.retry(this.dataset.clientId),
    regenerate: (button) =>
      this.#send(button, "message.regenerate", { client_id: newId(), message_id: this.dataset.id }),
    "show-version": ({ dataset: { version } }) =>
      socket.send("message.show", { message_id: this.dataset.id, version: Number(version) }).catch(() => {}),
    edit: () => this.#edit(),
    "cancel-edit": () => this.#endEdit(),
    "make-picture": () =>
      bus.emit("compose", { mode: "image", text: this.querySelector(".message__text").innerText.trim() }),
    discard: () => socket.discard(this.dataset.clientId),
    "copy-text": () => this.#copy(this.#words()),
    "copy-link": () => this.#copy(`${location.origin}${location.pathname}#${this.id}`),
    report: () => bus.emit("report", { message: this.dataset.id }),
    "make-prompt": (button) => bus.emit("compose", { mode: "image", text: codeBeside(button).trim(), send: true }),
    // Addressed by name, as above.
    ask: (button) =>
      this.#send(button, "message.create", { client_id: newId(), text: `@assistant ${button.textContent}` }),
    "copy-code": (button) => this.#copy(codeBeside(button)),
  }

  // Not disabled meanwhile: the keyboard's place would be lost.
  #send(button, type, fields) {
    button.setAttribute("aria-disabled", "true")
    socket.send(type, fields).catch(() => button.removeAttribute("aria-disabled"))
  }

  async #edit() {
    const tell = ({ message: text }) => bus.emit("toast", { kind: "edit", text, problem: true })
    const { message } = (await call("GET", `/messages/${this.dataset.id}`).catch(tell)) ?? {}
    if (!message || this.querySelector(".message__edit")) return
    const form = document.importNode(document.getElementById("message_edit").content, true).querySelector("form")
    const field = form.querySelector("textarea")
    // As it was before a reload, where there was one.
    field.value = readStored(this.#editKey) ?? message.text
    field.addEventListener("input", () => writeStored(this.#editKey, field.value))
    form.addEventListener("submit", (event) => this.#sendEdited(event, field.value))
    form.addEventListener("keydown", (event) => {
      if (isComposing(event)) return
      if (event.key === "Escape") this.#endEdit()
      const sends = event.target === field && event.key === "Enter" && !event.shiftKey
      if (sends) event.preventDefault(form.requestSubmit())
    })
    slot(this, "text").after(form)
    setFlag(this, "data-local-editing", true)
    field.focus()
  }

  #sendEdited(event, text) {
    event.preventDefault()
    const problem = this.querySelector(".message__edit .message__problem")
    const wrong = text.trim() ? lengthProblem(text, 8000) : "Write something first."
    problem.hidden = !wrong
    setText(problem, wrong)
    const form = event.target
    if (wrong || form.ariaBusy === "true") return
    form.ariaBusy = "true" // sent once
    const fields = { client_id: newId(), message_id: this.dataset.id, text }
    socket.send("message.edit", fields).then(() => this.#endEdit(), () => (form.ariaBusy = null))
  }

  get #editKey() {
    return `edit:${this.dataset.id}`
  }

  #endEdit() {
    writeStored(this.#editKey, null)
    this.querySelector(".message__edit")?.remove()
    setFlag(this, "data-local-editing", false)
    this.querySelector('[data-action="edit"]')?.focus()
  }

  // As they were written: what is drawn of them has lost its marks, its formulas and the indents of its lists.
  async #words() {
    const { message } = (await call("GET", `/messages/${this.dataset.id}`).catch(() => null)) ?? {}
    return message ? message.text.replace(FINISH_REASON, "") : this.querySelector(".message__text").innerText.trim()
  }

  async #copy(text) {
    await copyText(text)
    bus.emit("toast", { kind: "copied", text: "Copied." })
  }

  #delete() {
    setFlag(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  #undoDeletion() {
    this.#cancelDeletion()
    setFlag(this, "data-local-leaving", false)
    this.querySelector('[data-action="delete"]').focus()
  }

  // It cannot be undone any more, however long the answer takes.
  #sendDeletion = () => {
    keepFocus(this, () => setFlag(this, "data-local-gone", true))
    socket
      .send("message.delete", { message_id: this.dataset.id })
      .finally(() => ["data-local-leaving", "data-local-gone"].forEach((name) => setFlag(this, name, false)))
      .catch(() => {})
  }

  #addButtons() {
    // What scrolls sideways must be reachable with the keyboard, and says what it is.
    for (const [boxes, label] of Object.entries(SCROLLING)) {
      for (const box of this.querySelectorAll(boxes)) {
        const attributes = { tabindex: 0, role: "group", "aria-label": label }
        for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value)
      }
    }
    for (const block of this.querySelectorAll("pre")) {
      if (block.querySelector("[data-added]")) continue
      // What can be pressed is offered when all of it is written.
      if (("ask" in block.dataset || "prompt" in block.dataset) && block.closest("[data-open]")) continue
      if ("ask" in block.dataset && this.dataset.authorKind === "assistant") {
        this.#addQuestions(block)
        continue
      }
      for (const id of "prompt" in block.dataset ? ["prompt_make", "code_copy"] : ["code_copy"]) {
        block.append(document.importNode(document.getElementById(id).content, true))
      }
    }
  }

  // Each line becomes a button in place of the code.
  #addQuestions(block) {
    const template = document.getElementById("ask_button")
    for (const line of block.textContent.trim().split("\n")) {
      const button = document.importNode(template.content, true).querySelector("button")
      setText(button, line)
      block.append(button)
    }
  }

  #startStreaming() {
    if (!this.#stream) this.#beginStreaming()
    this.#showWaitingTime()
    this.#stream.continueTail()
  }

  #beginStreaming() {
    this.#stream = new StreamedReply(this, { heard: () => this.#hear(), drawn: () => this.#complete() })
    const since = Date.parse(this.dataset.created)
    this.#heardAt = slot(this, "text").textContent.trim() ? now().getTime() : since
    this.#stopWaiting = everySecond(() => this.#showWaitingTime())
    const mine = ({ message_id, target }) => message_id === this.dataset.id || target === this.id
    this.#subscriptions = [
      socket.on("delta", (delta) => mine(delta) && this.#stream.receive(delta)),
      socket.on("part", (part) => mine(part) && this.#stream.grow(part)),
    ]
  }

  #stopStreaming() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.#stopWaiting?.()
    this.#stream?.close()
    this.#subscriptions = []
    this.#stream = this.#stopWaiting = null
  }

  #hear() {
    this.#heardAt = now().getTime()
    this.#showWaitingTime()
  }

  #showWaitingTime() {
    const seconds = Math.round((now() - this.#heardAt) / 1000)
    slot(this, "waiting").hidden = seconds < SLOW_SECONDS
    setText(slot(this, "waited"), `${seconds} s`)
    if (seconds < SLOW_SECONDS || this.#isSlow) return
    this.#isSlow = true // said once
    bus.emit("reply-slow")
  }
}

function codeBeside(button) {
  return button.closest("pre").querySelector("code").textContent
}

defineLater("stream", "chat-message", ChatMessage)
