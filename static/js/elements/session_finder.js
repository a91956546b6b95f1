// <session-finder>: the list of sessions, narrowed by what is typed; Enter opens the first, arrows walk.
import { slot, write } from "../helpers/dom.js"
import { composing } from "../helpers/keys.js"
import { live } from "../live.js"

export class SessionFinder extends HTMLElement {
  #off = null

  connectedCallback() {
    this.#off = live.on("session", ({ session }) => write(this.querySelector("[aria-current] .truncate"), session.title))
    this.addEventListener("input", this.narrow)
    this.addEventListener("keydown", this.walk)
  }

  disconnectedCallback() {
    this.#off()
    this.removeEventListener("input", this.narrow)
    this.removeEventListener("keydown", this.walk)
  }

  narrow = () => {
    const wanted = this.querySelector("input").value.trim().toLocaleLowerCase()
    for (const link of this.querySelectorAll("a")) {
      link.parentElement.hidden = !link.textContent.toLocaleLowerCase().includes(wanted)
    }
    slot(this, "none").hidden = this.#links.length > 0
  }

  walk = (event) => {
    if (composing(event)) return
    const links = this.#links
    if (event.key === "Enter" && event.target.localName === "input") links[0]?.click()
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    event.preventDefault()
    links.at((links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)) % links.length)?.focus()
  }

  get #links() {
    return [...this.querySelectorAll("li:not([hidden]) a")]
  }
}

customElements.define("session-finder", SessionFinder)
