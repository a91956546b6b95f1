// <picture-viewer>: the lightbox. Shows a tile's picture whole, lets one come closer, and walks through all of them.
import { slot, write } from "../helpers/dom.js"
import { composing } from "../helpers/keys.js"
import { Zoom } from "../models/zoom.js"

export class PictureViewer extends HTMLElement {
  #card = null
  #opener = null
  #zoom = null

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.picture = slot(this, "picture")
    this.#zoom = new Zoom(slot(this, "stage"), this.picture)
    document.addEventListener("open-picture", this.open)
    document.addEventListener("picture-gone", this.gone)
    this.dialog.addEventListener("close", this.closed)
    this.dialog.addEventListener("keydown", this.key)
    this.dialog.addEventListener("cancel", this.cancel)
    this.addEventListener("click", this.press)
  }

  disconnectedCallback() {
    document.removeEventListener("open-picture", this.open)
    document.removeEventListener("picture-gone", this.gone)
  }

  open = (event) => {
    this.#opener = document.activeElement
    this.dialog.showModal()
    this.#show(event.target)
  }

  // Somebody deleted it: nobody goes on looking at it.
  gone = (event) => {
    if (event.detail === this.#card && this.dialog.open) this.dialog.close()
  }

  closed = () => {
    this.picture.removeAttribute("src")
    const opener = this.#opener?.isConnected ? this.#opener : this.#card.querySelector('[data-action="open"]')
    opener?.focus({ preventScroll: true })
  }

  // Esc goes back to the whole picture first, and only then closes.
  cancel = (event) => {
    if (!this.#zoom.reset()) return
    event.preventDefault()
  }

  key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || composing(event)) return
    const action = this.#keys[event.key] ?? this.#keys[event.key.toLowerCase()]
    if (!action) return
    event.preventDefault()
    this.#actions[action]()
  }

  press = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action) this.#actions[action]?.()
  }

  #keys = { ArrowLeft: "previous", ArrowRight: "next", d: "download", f: "favorite", i: "panel", "+": "zoom-in", "-": "zoom-out", 0: "reset" }

  #actions = {
    close: () => this.dialog.close(),
    previous: () => this.#step(-1),
    next: () => this.#step(1),
    "zoom-in": () => this.#zoom.by(1.5),
    "zoom-out": () => this.#zoom.by(1 / 1.5),
    reset: () => this.#zoom.reset(),
    download: () => this.#card.querySelector(".downloads__main")?.click(),
    favorite: () => this.#favor(),
    panel: () => this.#panel(),
  }

  get #cards() {
    return [...document.querySelectorAll("generation-card:not([data-local-behind])")].filter((card) => card.querySelector('[data-action="open"]'))
  }

  #step(by) {
    const cards = this.#cards
    const next = cards[cards.indexOf(this.#card) + by]
    if (next) this.#show(next)
  }

  #show(card) {
    this.#card = card
    this.#zoom.reset()
    const thumbnail = card.querySelector("img.tile__picture")
    this.picture.setAttribute("width", thumbnail.getAttribute("width"))
    this.picture.setAttribute("height", thumbnail.getAttribute("height"))
    this.picture.alt = thumbnail.alt
    this.picture.src = card.querySelector('[data-action="open"]').href
    slot(this, "panel").replaceChildren(slot(card, "settings").cloneNode(true), slot(card, "downloads").cloneNode(true))
    this.#showPlace()
    this.#showFavorite()
  }

  #showPlace() {
    const cards = this.#cards
    const index = cards.indexOf(this.#card)
    write(slot(this, "count"), `${index + 1} of ${cards.length}`)
    this.querySelector(".viewer__previous").disabled = index <= 0
    this.querySelector(".viewer__next").disabled = index >= cards.length - 1
  }

  #favor() {
    this.#card.querySelector('[data-action="favorite"]')?.click()
    this.#showFavorite()
  }

  #showFavorite() {
    const button = this.#card.querySelector('[data-action="favorite"]')
    this.querySelector(".viewer__favorite").setAttribute("aria-pressed", button?.getAttribute("aria-pressed") ?? "false")
  }

  #panel() {
    const panel = slot(this, "panel")
    panel.hidden = !panel.hidden
    this.querySelector('[data-action="panel"]').setAttribute("aria-pressed", String(!panel.hidden))
  }
}

customElements.define("picture-viewer", PictureViewer)
