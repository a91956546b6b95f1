// <live-page id data-parts="work acts"> around what an operator's page shows: where one of these parts changes it is
// fetched again, at most once in two seconds and only while somebody sees it.
import { setFlag, unlessMoved } from "../helpers/dom.js"
import { morph } from "../helpers/morph.js"
import { ChangeSocket } from "../models/change_socket.js"

const LEAST_MS = 2000

export class LivePage extends HTMLElement {
  #socket = null
  #fetchedAt = performance.now()
  #fetching = null
  #isDue = false

  connectedCallback() {
    if (!this.dataset.parts) return
    document.addEventListener("visibilitychange", this.#seen)
    this.#socket = new ChangeSocket("/ws/admin", {
      onEvents: this.#receive,
      onState: (live) => setFlag(this, "data-local-live", live),
    })
    this.#socket.start()
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seen)
    unlessMoved(this, () => clearTimeout(this.#fetching))
    this.#socket?.stop()
  }

  #receive = (events) => {
    const shown = this.dataset.parts.split(" ")
    if (!events.some(({ parts }) => parts?.some((part) => shown.includes(part)))) return
    this.#isDue = true
    this.#seen()
  }

  #seen = () => {
    if (!this.#isDue || this.#fetching || document.hidden) return
    this.#fetching = setTimeout(this.#update, Math.max(0, this.#fetchedAt + LEAST_MS - performance.now()))
  }

  #update = async () => {
    this.#isDue = false
    const isAnswered = await this.#fetch().catch(() => false)
    if (!isAnswered) this.#isDue = true
    this.#fetchedAt = performance.now()
    this.#fetching = null
    this.#seen()
  }

  // Whether there was an answer; without one it is asked again.
  async #fetch() {
    const response = await fetch(location.href)
    if (response.status === 429 || response.status >= 500) return false
    const page = new DOMParser().parseFromString(await response.text(), "text/html")
    const fresh = page.getElementById(this.id)
    if (fresh) morph(this, document.adoptNode(fresh))
    return true
  }
}

customElements.define("live-page", LivePage)
