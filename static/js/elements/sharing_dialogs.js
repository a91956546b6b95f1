// <sharing-dialogs>: fetches the dialogs "Share" and "Add to album" when one of them is first opened.
import { UNREACHABLE } from "../helpers/api.js"
import { fetchText } from "../helpers/fetching.js"

export class SharingDialogs extends HTMLElement {
  #loading = null

  /** Opens "share" or "album" for a subject (helpers/sharing.js). */
  async open(name, subject) {
    this.#loading ??= this.#load()
    await this.#loading
    await this.querySelector(`${name}-dialog`).open(subject)
  }

  async #load() {
    const { text } = await fetchText("/shares/dialogs")
    if (!text) {
      this.#loading = null
      throw new Error(UNREACHABLE)
    }
    const page = new DOMParser().parseFromString(text, "text/html")
    this.append(...document.adoptNode(page.head).children, ...document.adoptNode(page.body).children)
  }
}

customElements.define("sharing-dialogs", SharingDialogs)
