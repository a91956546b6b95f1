// <session-finder>: the list of sessions, filtered by what is typed. Enter opens the first, arrow keys move the focus.
import { slot, setText } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { socket } from "../socket.js"

export class SessionFinder extends HTMLElement {
  #unsubscribe = null

  connectedCallback() {
    this.#unsubscribe = socket.on("session", ({ session }) =>
      setText(this.querySelector("[aria-current] .truncate"), session.title),
    )
    this.addEventListener("input", this.onInput)
    this.addEventListener("keydown", this.onKeydown)
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.removeEventListener("input", this.onInput)
    this.removeEventListener("keydown", this.onKeydown)
  }

  /** Puts the focus into the search field. */
  focusSearch() {
    this.querySelector("input").focus()
  }

  onInput = () => {
    const query = this.querySelector("input").value.trim().toLocaleLowerCase()
    for (const link of this.querySelectorAll("a")) {
      link.parentElement.hidden = !link.textContent.toLocaleLowerCase().includes(query)
    }
    slot(this, "none").hidden = this.#links.length > 0
  }

  onKeydown = (event) => {
    if (isComposing(event)) return
    const links = this.#links
    if (event.key === "Enter" && event.target.localName === "input") links[0]?.click()
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    event.preventDefault()
    const step = event.key === "ArrowDown" ? 1 : -1
    links.at((links.indexOf(document.activeElement) + step) % links.length)?.focus()
  }

  get #links() {
    return [...this.querySelectorAll("li:not([hidden]) a")]
  }
}

customElements.define("session-finder", SessionFinder)
