// <limited-text data-most="80"> around a field: text beyond the limit is kept, with a message
// that says by how much it is too long.
import { setText } from "../helpers/dom.js"
import { lengthProblem } from "../helpers/text.js"

export class LimitedText extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", this.onInput)
    this.onInput()
  }

  disconnectedCallback() {
    this.removeEventListener("input", this.onInput)
  }

  onInput = () => {
    const field = this.querySelector("input, textarea")
    const problem = lengthProblem(field.value, Number(this.dataset.most))
    const note = this.querySelector("[data-over]")
    field.setCustomValidity(problem)
    field.toggleAttribute("data-local-over", Boolean(problem))
    setText(note, problem)
    note.hidden = !problem
  }
}

customElements.define("limited-text", LimitedText)
