// <limited-text data-most="80"> around a field: what is pasted beyond the limit stays, and it says how much is too much.
import { write } from "../helpers/dom.js"
import { tooMuch } from "../helpers/text.js"

export class LimitedText extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", this.look)
    this.look()
  }

  disconnectedCallback() {
    this.removeEventListener("input", this.look)
  }

  look = () => {
    const field = this.querySelector("input, textarea")
    const words = tooMuch(field.value, Number(this.dataset.most))
    const note = this.querySelector("[data-over]")
    field.setCustomValidity(words)
    field.toggleAttribute("data-local-over", Boolean(words))
    write(note, words)
    note.hidden = !words
  }
}

customElements.define("limited-text", LimitedText)
