// <plan-editor data-preview> around the form of a plan and what is said of it: fetched again while somebody types.
import { slot, unlessMoved } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { morph } from "../helpers/morph.js"

const PAUSE_MS = 300

export class PlanEditor extends HTMLElement {
  #timer = null
  #asked = 0

  connectedCallback() {
    this.addEventListener("input", this.#wait)
  }

  disconnectedCallback() {
    this.removeEventListener("input", this.#wait)
    unlessMoved(this, () => clearTimeout(this.#timer))
  }

  #wait = () => {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#update, PAUSE_MS)
  }

  // An answer that was overtaken by a later question is dropped.
  #update = async () => {
    const number = ++this.#asked
    const fields = new FormData(this.querySelector("form"))
    for (const name of ["csrf_token", "seen"]) fields.delete(name)
    const { text } = await fetchText(`${this.dataset.preview}?${new URLSearchParams(fields)}`)
    if (!text || number !== this.#asked) return
    const page = new DOMParser().parseFromString(text, "text/html")
    morph(slot(this, "preview"), document.adoptNode(slot(page, "preview")))
  }
}

customElements.define("plan-editor", PlanEditor)
