// <typed-sample> around a <textarea> that holds a sample: it is typed by itself, once, and is there at once under
// reduced motion, as soon as somebody comes to the field, and when the form is sent.
import { bus } from "../bus.js"

const LETTER_MS = 45
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)")

export class TypedSample extends HTMLElement {
  #timer = null
  #unsubscribe = null

  connectedCallback() {
    const { field } = this
    this.#unsubscribe = bus.on("prompt-chosen", this.#show)
    this.sample = field.defaultValue
    // What somebody has typed before, and the browser has restored, stays.
    if (REDUCED.matches || field.value !== this.sample || document.activeElement === field) return
    field.value = ""
    this.#timer = setInterval(this.#type, LETTER_MS)
    field.addEventListener("focus", this.onFocus)
    field.form.addEventListener("submit", this.finish)
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.finish()
  }

  get field() {
    return this.querySelector("textarea")
  }

  onFocus = () => {
    this.finish()
    this.field.select()
  }

  /** Shows the whole sample. */
  finish = () => {
    if (this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
    this.field.value = this.sample
  }

  #show = (prompt) => {
    this.finish()
    this.field.value = prompt
    this.field.focus()
    this.field.scrollIntoView({ block: "nearest" })
  }

  #type = () => {
    this.field.value = this.sample.slice(0, this.field.value.length + 1)
    if (this.field.value === this.sample) this.finish()
  }
}

customElements.define("typed-sample", TypedSample)
