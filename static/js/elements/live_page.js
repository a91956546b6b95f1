// <live-page id data-parts="work acts"> around what an operator's page shows: where one of these parts changes it is
// fetched again, at most once in two seconds and only while somebody sees it.
import { setFlag, unlessMoved } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { morph } from "../helpers/morph.js"
import { ChangeSocket } from "../models/change_socket.js"

const LEAST_MS = 2000

export class LivePage extends HTMLElement {
  #socket = null
  #notBefore = performance.now() + LEAST_MS
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
    this.#fetching = setTimeout(this.#update, Math.max(0, this.#notBefore - performance.now()))
  }

  #update = async () => {
    this.#isDue = false
    const { text, again } = await fetchText(location.href)
    if (text) this.#take(new DOMParser().parseFromString(text, "text/html"))
    if (again) this.#isDue = true
    this.#notBefore = performance.now() + (again || LEAST_MS)
    this.#fetching = null
    this.#seen()
  }

  #take(page) {
    const fresh = page.getElementById(this.id)
    if (fresh) morph(this, document.adoptNode(fresh))
  }
}

customElements.define("live-page", LivePage)
