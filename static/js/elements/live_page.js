// <live-page id data-parts="work acts"> around what an operator's page shows: where one of these parts changes it is
// fetched again, at most once in two seconds and only while somebody sees it.
import { morph } from "../helpers/morph.js"
import { reconnectDelay } from "../models/backoff.js"

const LEAST_MS = 2000
const [FINAL, BAD_ORIGIN] = [4500, 4503] // from the first on the page is not for whoever is signed in now

export class LivePage extends HTMLElement {
  #socket = null
  #timer = null
  #attempts = 0
  #fetchedAt = performance.now()
  #fetching = null
  #isDue = false

  connectedCallback() {
    if (!this.dataset.parts) return
    document.addEventListener("visibilitychange", this.#seen)
    this.#connect()
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seen)
    clearTimeout(this.#timer)
    clearTimeout(this.#fetching)
    this.#socket?.close()
  }

  #connect = () => {
    if (!this.isConnected) return
    const socket = (this.#socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/admin`))
    socket.onmessage = this.#heard
    socket.onopen = () => {
      this.#attempts = 0
      this.dataset.localLive = ""
    }
    socket.onclose = ({ code, reason }) => {
      delete this.dataset.localLive
      if (code === BAD_ORIGIN) return
      if (code >= FINAL) return location.reload()
      this.#timer = setTimeout(this.#connect, reconnectDelay(code, reason, this.#attempts++))
    }
  }

  #heard = ({ data }) => {
    const shown = this.dataset.parts.split(" ")
    if (!JSON.parse(data).some(({ parts }) => parts?.some((part) => shown.includes(part)))) return
    this.#isDue = true
    this.#seen()
  }

  #seen = () => {
    if (!this.#isDue || this.#fetching || document.hidden) return
    this.#fetching = setTimeout(this.#update, Math.max(0, this.#fetchedAt + LEAST_MS - performance.now()))
  }

  #update = async () => {
    this.#isDue = false
    await this.#fetch()
    this.#fetchedAt = performance.now()
    this.#fetching = null
    this.#seen()
  }

  async #fetch() {
    const response = await fetch(location.href).catch(() => null)
    if (!response?.ok) return
    const page = new DOMParser().parseFromString(await response.text(), "text/html")
    const fresh = page.getElementById(this.id)
    if (fresh) morph(this, document.adoptNode(fresh))
  }
}

customElements.define("live-page", LivePage)
