// <new-album>: makes an album and leads to it.
import { setText, slot } from "../helpers/dom.js"
import { make } from "../helpers/making.js"

export class NewAlbum extends HTMLElement {
  #isMaking = false // or leading to it

  connectedCallback() {
    addEventListener("pageshow", () => (this.#isMaking = false)) // Back again
    slot(this, "form").addEventListener("submit", this.onSubmit)
  }

  onSubmit = async (event) => {
    event.preventDefault()
    if (this.#isMaking) return
    this.#isMaking = true
    const problem = slot(this, "problem")
    problem.hidden = true
    try {
      const { album } = await make("/albums", { name: this.querySelector("input").value })
      location.assign(`/albums/${album.id}`)
    } catch (error) {
      this.#isMaking = false
      problem.hidden = false
      setText(problem, error.message)
    }
  }
}

customElements.define("new-album", NewAlbum)
