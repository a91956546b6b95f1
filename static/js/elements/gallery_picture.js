// <gallery-picture>: one picture or clip of the gallery. The lightbox shows it as it shows the tiles of the chat page.
import { bus } from "../bus.js"
import { call } from "../helpers/api.js"
import { copyText, setFlag } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { Turns } from "../models/turns.js"
import { parse } from "../rendering.js"

const OFFERED = ["favorite", "copy-prompt", "copy-link", "reveal", "remove"]
const OFFERED_IF_MINE = ["share", "album"]

export class GalleryPicture extends HTMLElement {
  #turns = new Turns()
  #stored = false // whether the server has it as a favourite, while that is being changed here

  /** The finished file as the viewer shows it. */
  get file() {
    const image = this.querySelector("img")
    const { kind, width, height } = this.dataset
    const url = this.link.href
    return { kind, url, thumbnail: image.src, shown: image.currentSrc || image.src, alt: this.prompt, width, height }
  }

  get link() {
    return this.querySelector("a")
  }

  /** What was asked for, or the name of an uploaded file. */
  get prompt() {
    return this.link.getAttribute("aria-label")
  }

  /** Whether whoever reads this had it made. */
  get isMine() {
    return this.hasAttribute("data-mine")
  }

  /** Whether its session is on another page than this one. */
  get isElsewhere() {
    return true
  }

  /** Whether it is a favourite. */
  get favorite() {
    return this.hasAttribute("data-favorite")
  }

  set favorite(on) {
    setFlag(this, "data-favorite", on)
    this.dispatchEvent(new CustomEvent("favorite-shown", { bubbles: true }))
  }

  /** Whether it is selected. */
  get selected() {
    return this.querySelector("button").ariaChecked === "true"
  }

  set selected(on) {
    setFlag(this, "data-selected", on)
    this.querySelector("button").ariaChecked = String(on)
  }

  /** Whether the lightbox offers an action for it. */
  offers(action) {
    if (OFFERED_IF_MINE.includes(action)) return this.isMine
    return OFFERED.includes(action) && (action !== "reveal" || "generation" in this.dataset)
  }

  /** Its settings and its download links, as the server has them. */
  async cloneDetails() {
    const details = await fetchText(`/gallery/pictures/${this.dataset.asset}`)
    return details ? [...parse(details).children] : []
  }

  /** Downloads the file. */
  download() {
    location.assign(`${this.link.href}?download`)
  }

  /** Whether the server has not heard yet what was made of it here. */
  get isChanging() {
    return this.#turns.isBusy
  }

  /** Makes it a favourite, or no longer: at once, and as the server has it where that refuses the last of several. */
  async toggleFavorite() {
    const on = !this.favorite
    if (!this.isChanging) this.#stored = this.favorite
    this.favorite = on
    try {
      await this.#turns.take(() => call("POST", "/pictures/favorites", { asset_ids: [this.dataset.asset], on }))
      this.#stored = on
    } catch (error) {
      if (!this.isChanging) this.favorite = this.#stored
      bus.emit("toast", { kind: "favorite", text: error.message, problem: true })
    }
  }

  /** Does what the lightbox asks for. */
  run(action) {
    if (action === "copy-prompt") this.#copy(this.prompt)
    if (action === "copy-link") this.#copy(this.link.href)
    if (action === "remove") bus.emit("delete-pictures", [this.dataset.asset])
  }

  /** Shows it in its session. */
  reveal() {
    location.assign(`/generations/${this.dataset.generation}`)
  }

  /** Puts the focus on it. */
  focusPicture() {
    this.link.focus({ preventScroll: true })
  }

  async #copy(text) {
    await copyText(text)
    bus.emit("toast", { kind: "copied", text: "Copied." })
  }
}

customElements.define("gallery-picture", GalleryPicture)
