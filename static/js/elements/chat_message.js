// <chat-message>: one message. A streamed reply grows at its end; its author can stop, copy or delete it.
import { bus } from "../bus.js"
import { copyText, setFlag, setText, slot } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { everySecond, now } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"
import { viewer } from "../helpers/viewer.js"
import { DeltaBuffer } from "../models/delta_buffer.js"
import { socket } from "../socket.js"

const SCROLLING = { ".prose pre > code": "Code", ".prose .table": "Table", ".prose .math--display": "Formula" }

export class ChatMessage extends HTMLElement {
  #buffer = null
  #unsubscribe = null
  #stopWaiting = null
  #frame = 0
  #cancelDeletion = null

  connectedCallback() {
    this.addEventListener("click", this.onClick)
    this.rendered()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.#stopStreaming()
  }

  /** The prompt of its pictures or clips; empty for a message in words. */
  get prompt() {
    return this.querySelector(".message__prompt")?.textContent ?? ""
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    setFlag(this, "data-local-mine", this.dataset.authorKind === "user" && this.dataset.authorId === viewer())
    this.#addButtons()
    if (this.dataset.status === "streaming") this.#startStreaming()
    else this.#stopStreaming()
    // Elements of a message that has just been inserted may not be upgraded yet; they show themselves when they are.
    for (const part of this.querySelectorAll("generation-stack, generation-card, local-time")) part.rendered?.()
  }

  /** Shows that it was not sent, why, and what its author can do. */
  showStranded(reason) {
    setFlag(this, "data-local-stranded", true)
    setText(slot(this, "stranded"), reason)
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (button && !button.closest("generation-card")) this.#actions[button.dataset.action]?.(button)
  }

  #actions = {
    stop: (button) => this.#send(button, "message.stop", { message_id: this.dataset.id }),
    // Addressed by name: in a session with several people the assistant answers only then.
    continue: (button) =>
      this.#send(button, "message.create", { client_id: newId(), text: "@assistant Please go on." }),
    delete: () => this.#delete(),
    undo: () => this.#undoDeletion(),
    "try-again": () => socket.retry(this.dataset.clientId),
    discard: () => socket.discard(this.dataset.clientId),
    "copy-text": () => this.#copy(this.querySelector(".message__text").innerText.trim()),
    "copy-link": () => this.#copy(`${location.origin}${location.pathname}#${this.id}`),
    "make-prompt": (button) => bus.emit("compose", { mode: "image", text: codeBeside(button).trim(), send: true }),
    "copy-code": (button) => this.#copy(codeBeside(button)),
  }

  #send(button, type, fields) {
    button.disabled = true
    socket.send(type, fields).catch(() => (button.disabled = false))
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

  #sendDeletion = () => {
    socket
      .send("message.delete", { message_id: this.dataset.id })
      .finally(() => setFlag(this, "data-local-leaving", false))
      .catch(() => {})
  }

  #addButtons() {
    // What scrolls sideways must be reachable with the keyboard, and says what it is.
    for (const [boxes, label] of Object.entries(SCROLLING)) {
      for (const box of this.querySelectorAll(boxes)) {
        for (const [name, value] of [["tabindex", 0], ["role", "group"], ["aria-label", label]]) box.setAttribute(name, value)
      }
    }
    for (const block of this.querySelectorAll("pre")) {
      if (block.querySelector("[data-added]")) continue
      for (const id of "prompt" in block.dataset ? ["prompt_make", "code_copy"] : ["code_copy"]) {
        block.append(document.importNode(document.getElementById(id).content, true))
      }
    }
  }

  #startStreaming() {
    const tail = this.querySelector("[data-tail]")
    // Rendered empty, the reply starts again: what came before was the model's thinking, or of another attempt.
    if (!tail?.textContent && tail?.dataset.offset === "0") this.#buffer = null
    this.#buffer ??= new DeltaBuffer()
    this.#stopWaiting ??= everySecond(() => this.#showWaitingTime())
    this.#showWaitingTime()
    this.#unsubscribe ??= socket.on("delta", (delta) => delta.message_id === this.dataset.id && this.#receive(delta))
    this.#writeTail()
  }

  #stopStreaming() {
    this.#unsubscribe?.()
    this.#stopWaiting?.()
    this.#unsubscribe = this.#buffer = this.#stopWaiting = null
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }

  #showWaitingTime() {
    const waited = slot(this, "waited")
    if (!waited) return
    const seconds = Math.round((now() - Date.parse(waited.dataset.since)) / 1000)
    setText(waited, `${Math.max(0, seconds)} s`)
  }

  #receive({ offset, text }) {
    this.#buffer.add(offset, text)
    this.#frame ||= requestAnimationFrame(() => this.#writeTail())
  }

  // One write per frame, however many deltas have come.
  #writeTail() {
    this.#frame = 0
    const tail = this.querySelector("[data-tail]")
    if (!tail) return
    const text = this.#buffer.textAfter(Number(tail.dataset.offset) + tail.textContent.length)
    if (!text) return
    if (tail.firstChild) tail.firstChild.appendData(text)
    else tail.append(text)
  }
}

function codeBeside(button) {
  return button.closest("pre").querySelector("code").textContent
}

customElements.define("chat-message", ChatMessage)
