// <prompt-wall> around pictures: a press puts the prompt of one into the box that makes pictures.
import { bus } from "../bus.js"
import { slot } from "../helpers/dom.js"

export class PromptWall extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
  }

  onClick = ({ target }) => {
    const picture = target.closest("button")
    if (picture) bus.emit("prompt-chosen", slot(picture, "prompt").textContent)
  }
}

customElements.define("prompt-wall", PromptWall)
