// <toast-notice>: one short sentence at a time. The same kind replaces its words; there is never a stack.
import { slot, write } from "../helpers/dom.js"
import { live } from "../live.js"

const SHOWN_MS = 6000
// What the composer says itself, beside the words that it gives back.
const OWN = new Set(["message.create", "generation.create"])

export class ToastNotice extends HTMLElement {
  #off = []
  #timer = null

  connectedCallback() {
    this.#off = [
      live.on("toast", (event) => this.show(event)),
      live.on("state", (state) => state === "live" && this.dataset.kind === "crowded" && this.hide()),
      live.on("refused", ({ command, message, code }) => OWN.has(command.type) || this.show({ kind: code, words: message, problem: true })),
    ]
    this.addEventListener("click", (event) => event.target.closest('[data-action="dismiss"]') && this.hide())
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  show({ kind, words, problem = false, stays = false }) {
    clearTimeout(this.#timer)
    Object.assign(this.dataset, { kind, problem: problem || stays ? "yes" : "no" })
    write(slot(this, "words"), words)
    this.hidden = false
    if (!stays) this.#timer = setTimeout(() => this.hide(), problem ? 2 * SHOWN_MS : SHOWN_MS / 2)
  }

  hide() {
    this.hidden = true
  }
}

customElements.define("toast-notice", ToastNotice)
