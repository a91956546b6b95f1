// <generation-stack>: the versions of one picture, of which one is shown: the newest until another is selected.
import { bus } from "../bus.js"
import { setFlag } from "../helpers/dom.js"

export class GenerationStack extends HTMLElement {
  #newest = null
  #shown = null
  #unsubscribe = null

  connectedCallback() {
    this.#unsubscribe = bus.on("show-version", (card) => this.contains(card) && this.#showVersion(card.dataset.id))
    this.addEventListener("click", this.onClick)
    this.rendered()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.#unsubscribe()
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    const newest = this.querySelector("generation-card")?.dataset.id
    if (newest !== this.#newest) this.#shown = this.#newest = newest
    this.#show()
  }

  onClick = (event) => {
    const button = event.target.closest('[data-action="show-version"]')
    if (button) this.#showVersion(button.dataset.version)
  }

  #showVersion(id) {
    this.#shown = id
    this.#show()
  }

  #show() {
    for (const card of this.querySelectorAll("generation-card"))
      setFlag(card, "data-local-behind", card.dataset.id !== this.#shown)
    for (const button of this.querySelectorAll("[data-version]")) {
      button.setAttribute("aria-pressed", String(button.dataset.version === this.#shown))
    }
  }
}

customElements.define("generation-stack", GenerationStack)
