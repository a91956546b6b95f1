// <generation-stack>: the versions of one picture, of which one is shown: the newest until another is selected.
import { bus } from "../bus.js"
import { defineLater } from "../helpers/defining.js"
import { setFlag } from "../helpers/dom.js"

const ENDED = ["failed", "cancelled"]

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
    const newest = this.#versions[0]?.dataset.id
    if (newest !== this.#newest) this.#shown = this.#newest = newest
    this.#show()
  }

  onClick = (event) => {
    const button = event.target.closest('[data-action="show-version"]')
    if (button) this.#showVersion(button.dataset.version)
  }

  // What failed or was cancelled is a line, and no version to look at.
  get #versions() {
    return [...this.querySelectorAll("generation-card")].filter((card) => !ENDED.includes(card.dataset.status))
  }

  #showVersion(id) {
    this.#shown = id
    this.#show()
  }

  #show() {
    for (const card of this.#versions) setFlag(card, "data-local-behind", card.dataset.id !== this.#shown)
    for (const button of this.querySelectorAll("[data-version]")) {
      button.setAttribute("aria-pressed", String(button.dataset.version === this.#shown))
    }
    const shown = this.#versions.find((card) => card.dataset.id === this.#shown)
    if (shown) this.#shape(shown.dataset)
    bus.emit("version-shown", this)
  }

  // Through the CSSOM, as the content security policy allows no style attributes. A newer rendering has none.
  #shape({ width, height }) {
    this.style.setProperty("--ratio", width / height)
    this.style.setProperty("--natural", `${width}px`)
  }
}

defineLater("stream", "generation-stack", GenerationStack)
