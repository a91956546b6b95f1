// <generation-stack>: the versions of one picture, of which one is shown: the newest until another is chosen.
import { mark } from "../helpers/dom.js"

export class GenerationStack extends HTMLElement {
  #newest = null
  #shown = null

  connectedCallback() {
    this.addEventListener("click", this.press)
    this.drawn()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.press)
  }

  drawn() {
    const newest = this.querySelector("generation-card")?.dataset.id
    if (newest !== this.#newest) this.#shown = this.#newest = newest
    this.#show()
  }

  press = (event) => {
    const button = event.target.closest('[data-action="show-version"]')
    if (!button) return
    this.#shown = button.dataset.version
    this.#show()
  }

  #show() {
    for (const card of this.querySelectorAll("generation-card")) mark(card, "data-local-behind", card.dataset.id !== this.#shown)
    for (const button of this.querySelectorAll("[data-version]")) {
      button.setAttribute("aria-pressed", String(button.dataset.version === this.#shown))
    }
  }
}

customElements.define("generation-stack", GenerationStack)
