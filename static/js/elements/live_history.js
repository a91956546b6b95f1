// <live-history> around the rows of the history: while something in it is under way and the page is seen, its rows are
// fetched again and those that have changed are replaced.
import { fetchText } from "../helpers/fetching.js"

const EVERY_MS = 3000
const UNDER_WAY = ["queued", "model-loading", "rendering"].map((status) => `[data-status="${status}"][id]`).join()

export class LiveHistory extends HTMLElement {
  #timer = null
  #notBefore = 0

  connectedCallback() {
    this.#timer = setInterval(this.#update, EVERY_MS)
  }

  disconnectedCallback() {
    clearInterval(this.#timer)
  }

  #update = async () => {
    const waiting = [...this.querySelectorAll(UNDER_WAY)]
    if (!waiting.length) return clearInterval(this.#timer)
    if (document.hidden || performance.now() < this.#notBefore) return
    const { text, again } = await fetchText(location.href)
    if (again === null) return clearInterval(this.#timer)
    if (again) this.#notBefore = performance.now() + again
    if (!text) return
    const page = new DOMParser().parseFromString(text, "text/html")
    for (const row of waiting) this.#replace(row, page.getElementById(row.id))
  }

  // A row that has moved to another page is left as it is, and one that is being deleted keeps its Undo.
  #replace(row, fresh) {
    if (!fresh || fresh.dataset.status === row.dataset.status || row.querySelector("[data-local-leaving]")) return
    const hadFocus = row.contains(document.activeElement)
    row.replaceWith(document.adoptNode(fresh))
    if (hadFocus) fresh.querySelector("a").focus({ preventScroll: true })
  }
}

customElements.define("live-history", LiveHistory)
