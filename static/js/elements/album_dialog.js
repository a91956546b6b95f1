// <album-dialog>: adds pictures to albums. Of one picture it shows which albums hold it, and takes it out again.
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"

export class AlbumDialog extends HTMLElement {
  #assets = []
  #next = null

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.addEventListener("click", this.onClick)
    slot(this, "form").addEventListener("submit", this.onSubmit)
  }

  /** Shows one's albums for the files `assets`. */
  async open({ assets }) {
    this.#assets = assets
    this.#next = null
    slot(this, "albums").replaceChildren()
    this.#tell("")
    await this.#load()
    this.dialog.showModal()
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (button?.dataset.action === "close" || event.target === this.dialog) this.dialog.close()
    if (button?.dataset.action === "more") this.#try(() => this.#load())
    if (button?.dataset.action === "choose") this.#try(() => this.#choose(button))
  }

  onSubmit = (event) => {
    event.preventDefault()
    const field = this.querySelector("#album-new")
    this.#try(async () => {
      const { album } = await call("POST", "/albums", { name: field.value, asset_ids: this.#assets })
      field.value = ""
      slot(this, "albums").prepend(this.#row({ ...album, holds: true }))
      this.#tell(`Added to “${album.name}”.`)
    })
  }

  async #load() {
    const one = this.#assets.length === 1 ? `&asset_id=${this.#assets[0]}` : ""
    const page = await call("GET", `/albums?before=${this.#next ?? ""}${one}`)
    slot(this, "albums").append(...page.albums.map((album) => this.#row(album)))
    this.#next = page.next
    slot(this, "more").hidden = !page.next
  }

  #row({ id, name, count, holds }) {
    const row = document.importNode(slot(this, "row").content, true).firstElementChild
    const button = row.firstElementChild
    button.dataset.album = id
    button.setAttribute("aria-pressed", String(holds))
    setText(slot(row, "name"), name)
    setText(slot(row, "count"), String(count))
    return row
  }

  async #choose(button) {
    const holds = button.getAttribute("aria-pressed") === "true"
    const path = `/albums/${button.dataset.album}/pictures${holds ? "/remove" : ""}`
    const { album } = await call("POST", path, { asset_ids: this.#assets })
    button.setAttribute("aria-pressed", String(!holds))
    setText(slot(button, "count"), String(album.count))
    this.#tell(`${holds ? "Taken out of" : "Added to"} “${album.name}”.`)
  }

  async #try(action) {
    this.#tell("")
    try {
      await action()
    } catch (error) {
      slot(this, "problem").hidden = false
      setText(slot(this, "problem"), error.message)
    }
  }

  #tell(words) {
    slot(this, "problem").hidden = true
    setText(slot(this, "told"), words)
  }
}

customElements.define("album-dialog", AlbumDialog)
