// <chat-message>: one message. Its words stream in at the tail; its author may stop, copy or delete it.
import { copy, mark, slot, write } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { everySecond, now } from "../helpers/time.js"
import { unlessUndone } from "../helpers/undo.js"
import { viewer } from "../helpers/viewer.js"
import { live } from "../live.js"
import { Heard } from "../models/heard.js"

export class ChatMessage extends HTMLElement {
  #heard = null
  #off = null
  #waiting = null
  #frame = 0
  #leaving = null

  connectedCallback() {
    this.addEventListener("click", this.press)
    this.drawn()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.press)
    this.#stopHearing()
  }

  // Called when it is here, and whenever a newer drawing was put in its place.
  drawn() {
    mark(this, "data-local-mine", this.dataset.authorKind === "user" && this.dataset.authorId === viewer())
    this.#addButtons()
    // Each block runs in its own direction, and its bullets and bars with it; code never does.
    for (const block of this.querySelectorAll(".prose > :not(pre, [data-tail])")) block.dir = "auto"
    if (this.dataset.status === "streaming") this.#startHearing()
    else this.#stopHearing()
    // Parts of a message that has just come are not awake yet; they draw themselves when they are.
    for (const part of this.querySelectorAll("generation-stack, generation-card, local-time")) part.drawn?.()
  }

  press = (event) => {
    const button = event.target.closest("[data-action]")
    if (button && !button.closest("generation-card")) this.#actions[button.dataset.action]?.(button)
  }

  #actions = {
    stop: (button) => this.#stop(button),
    continue: (button) => this.#continue(button),
    delete: () => this.#leave(),
    undo: () => this.#stay(),
    "try-again": () => live.tryAgain(this.dataset.clientId),
    "let-be": () => live.letBe(this.dataset.clientId),
    "copy-text": (button) => this.#copy(this.querySelector(".message__text").innerText.trim(), button),
    "copy-link": (button) => this.#copy(`${location.origin}${location.pathname}#${this.id}`, button),
    "make-prompt": (button) => live.emit("compose", { mode: "image", text: button.closest("pre").querySelector("code").textContent.trim(), send: true }),
    "copy-code": (button) => this.#copy(button.closest("pre").querySelector("code").textContent, button),
  }

  #stop(button) {
    button.disabled = true
    live.send("message.stop", { message_id: this.dataset.id }).catch(() => (button.disabled = false))
  }

  // Called by name, as in company it answers nothing else.
  #continue(button) {
    button.disabled = true
    live.send("message.create", { client_id: newId(), text: "@assistant Please go on." }).catch(() => (button.disabled = false))
  }

  async #copy(text) {
    await copy(text)
    live.emit("toast", { kind: "copied", words: "Copied." })
  }

  #leave() {
    mark(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo"]').focus()
    this.#leaving = unlessUndone(this.#gone)
  }

  #stay() {
    this.#leaving()
    mark(this, "data-local-leaving", false)
    this.querySelector('[data-action="delete"]').focus()
  }

  #gone = () => {
    live.send("message.delete", { message_id: this.dataset.id }).finally(() => mark(this, "data-local-leaving", false)).catch(() => {})
  }

  #addButtons() {
    for (const block of this.querySelectorAll("pre")) {
      block.querySelector("code").tabIndex = 0 // what is pushed sideways has to be reached by the keyboard
      if (block.querySelector("[data-added]")) continue
      for (const id of "prompt" in block.dataset ? ["prompt_make", "code_copy"] : ["code_copy"]) {
        block.append(document.importNode(document.getElementById(id).content, true))
      }
    }
  }

  #startHearing() {
    const tail = this.querySelector("[data-tail]")
    // Drawn empty, it begins anew: what was heard was the model's thinking, or another writer's.
    if (!tail?.textContent && tail?.dataset.offset === "0") this.#heard = null
    this.#heard ??= new Heard()
    this.#waiting ??= everySecond(() => this.#showWait())
    this.#showWait()
    this.#off ??= live.on("delta", (event) => event.message_id === this.dataset.id && this.#hear(event))
    this.#write()
  }

  #stopHearing() {
    this.#off?.()
    this.#waiting?.()
    this.#off = this.#heard = this.#waiting = null
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }

  #showWait() {
    const waited = slot(this, "waited")
    if (waited) write(waited, `${Math.max(0, Math.round((now() - Date.parse(waited.dataset.since)) / 1000))} s`)
  }

  #hear({ offset, text }) {
    this.#heard.hear(offset, text)
    this.#frame ||= requestAnimationFrame(() => this.#write())
  }

  // One write a frame, however many pieces came.
  #write() {
    this.#frame = 0
    const tail = this.querySelector("[data-tail]")
    if (!tail) return
    const more = this.#heard.beyond(Number(tail.dataset.offset) + tail.textContent.length)
    if (!more) return
    if (tail.firstChild) tail.firstChild.appendData(more)
    else tail.append(more)
  }
}

customElements.define("chat-message", ChatMessage)
