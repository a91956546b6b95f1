// <album-dialog>: adds pictures to albums. Of one picture it shows which albums hold it, and takes it out again.
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { make } from "../helpers/making.js"

export class AlbumDialog extends HTMLElement {
  #assets = [] // another array each time that it is opened
  #next = null
  #making = new WeakSet() // the pictures of which a new album is on its way

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
    await this.#load(assets)
    if (assets === this.#assets) this.dialog.showModal()
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (button?.dataset.action === "close" || event.target === this.dialog) this.dialog.close()
    if (button?.dataset.action === "more") this.#try((assets) => this.#load(assets))
    if (button?.dataset.action === "choose") this.#try((assets) => this.#choose(button, assets))
  }

  onSubmit = (event) => {
    event.preventDefault()
    const assets = this.#assets
    if (this.#making.has(assets)) return
    this.#making.add(assets)
    this.#try(() => this.#make(assets)).finally(() => this.#making.delete(assets))
  }

  async #make(assets) {
    const field = this.querySelector("#album-new")
    const { album } = await make("/albums", { name: field.value, asset_ids: assets })
    if (assets !== this.#assets) return ""
    field.value = ""
    slot(this, "albums").prepend(this.#row({ ...album, holds: true }))
    return `Added to “${album.name}”.`
  }

  // Once the dialog is about other pictures, or this page of albums is there already, its answer is left aside.
  async #load(assets) {
    const next = this.#next
    const one = assets.length === 1 ? `&asset_id=${assets[0]}` : ""
    const page = await call("GET", `/albums?before=${next ?? ""}${one}`)
    if (assets !== this.#assets || next !== this.#next) return
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

  async #choose(button, assets) {
    const holds = button.getAttribute("aria-pressed") === "true"
    const path = `/albums/${button.dataset.album}/pictures${holds ? "/remove" : ""}`
    const { album } = await call("POST", path, { asset_ids: assets })
    button.setAttribute("aria-pressed", String(!holds))
    setText(slot(button, "count"), String(album.count))
    return `${holds ? "Taken out of" : "Added to"} “${album.name}”.`
  }

  // What an action says of its end is not told of other pictures.
  async #try(action) {
    const assets = this.#assets
    this.#tell("")
    const [words, problem] = await action(assets).then((said) => [said], ({ message }) => ["", message])
    if (assets === this.#assets) this.#tell(words ?? "", problem)
  }

  #tell(words, problem = "") {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
    setText(slot(this, "told"), words)
  }
}

customElements.define("album-dialog", AlbumDialog)
