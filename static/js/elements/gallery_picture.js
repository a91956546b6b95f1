// <gallery-picture>: one picture or clip of the gallery. The lightbox shows it as it shows the tiles of the chat page.
import { bus } from "../bus.js"
import { copyText, setFlag } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { markFavorites } from "../helpers/gallery_favorites.js"
import { parse } from "../rendering.js"

const OFFERED = ["favorite", "copy-prompt", "copy-link", "reveal", "remove"]
const OFFERED_IF_MINE = ["share", "album"]

export class GalleryPicture extends HTMLElement {
  #changes = 0 // that the server has not answered
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

  /** Whether the reader had it made. */
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
    const { text } = await fetchText(`/gallery/pictures/${this.dataset.asset}`)
    return text ? [...parse(text).children] : []
  }

  /** Downloads the file. */
  download() {
    location.assign(`${this.link.href}?download`)
  }

  /** Whether the server has not heard yet what was made of it here. */
  get isChanging() {
    return this.#changes > 0
  }

  /** Makes it a favourite, or no longer. */
  toggleFavorite() {
    markFavorites([this.dataset.asset], [this], !this.favorite)
  }

  /** Shows it as a favourite, or no longer, while the server is told. */
  beginChange(on) {
    if (!this.isChanging) this.#stored = this.favorite
    this.#changes += 1
    this.favorite = on
  }

  /** The server has it so, or has refused it. */
  endChange(on = this.#stored) {
    this.#stored = on
    this.#changes -= 1
    if (!this.isChanging && this.favorite !== on) this.favorite = on
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
