// <toast-notice>: one short message at a time, which may offer to undo what it tells; a new one replaces it. It stands
// in the topmost dialog while that is open: what is beside a modal dialog lies behind it and takes no presses.
import { bus } from "../bus.js"
import { setText, slot, unlessMoved } from "../helpers/dom.js"

const SHOWN_MS = 3000
const PROBLEM_SHOWN_MS = 12_000 // also where there is something to press
// The composer shows refusals of these itself, beside the text that it restores.
const SHOWN_BY_COMPOSER = new Set(["message.create", "generation.create"])

export class ToastNotice extends HTMLElement {
  #subscriptions = []
  #timer = null
  #undo = null
  #before = null // what it stands behind in the page

  connectedCallback() {
    if (this.#subscriptions.length) return // it has moved
    this.#before = this.previousElementSibling
    this.#subscriptions = [
      bus.on("toast", (toast) => this.#show(toast)),
      bus.on("toast-withdrawn", (kind) => kind === this.dataset.kind && this.#hide()),
      bus.on("connection-state", (state) => this.#onState(state)),
      bus.on("command-refused", (error) => this.#onRefused(error)),
    ]
    this.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    unlessMoved(this, () => this.#subscriptions.splice(0).forEach((unsubscribe) => unsubscribe()))
  }

  onClick = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action) this.#hide()
    if (action === "undo") this.#undo()
  }

  #onState(state) {
    if (state === "live" && this.dataset.kind === "crowded") this.#hide()
  }

  #onRefused({ command, message, code, told }) {
    if (!told && !SHOWN_BY_COMPOSER.has(command.type)) this.#show({ kind: code, text: message, problem: true })
  }

  #show({ kind, text, undo = null, problem = false, stays = false }) {
    this.#stand()
    this.#undo = undo
    slot(this, "undo").hidden = !undo
    clearTimeout(this.#timer)
    Object.assign(this.dataset, { kind, problem: problem || stays ? "yes" : "no" })
    setText(slot(this, "words"), text)
    this.hidden = false
    if (!stays) this.#hideAfter(problem || undo ? PROBLEM_SHOWN_MS : SHOWN_MS)
  }

  #stand = () => {
    const dialog = [...document.querySelectorAll("dialog:modal")].at(-1) ?? null
    if (dialog === this.closest("dialog")) return
    if (!dialog) return this.#before.after(this)
    dialog.append(this)
    dialog.addEventListener("close", this.#stand, { once: true })
  }

  // Not under a pointer, or the keyboard's focus, that is just about to press what it offers.
  #hideAfter(ms) {
    const end = () => (this.matches(":hover, :focus-within") ? this.#hideAfter(SHOWN_MS) : this.#hide())
    this.#timer = setTimeout(end, ms)
  }

  #hide() {
    this.hidden = true
  }
}

customElements.define("toast-notice", ToastNotice)
