// <picture-viewer>: the lightbox. Shows a card's picture uncropped, zooms it, and steps through all pictures of the
// page.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { Zoom } from "../models/zoom.js"

const ZOOM_STEP = 1.5

export class PictureViewer extends HTMLElement {
  #subscriptions = []
  #card = null
  #opener = null
  #zoom = null

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.picture = slot(this, "picture")
    this.#zoom = new Zoom(slot(this, "stage"), this.picture)
    this.#subscriptions = [
      bus.on("open-picture", (card) => this.#open(card)),
      bus.on("picture-removed", (card) => this.#onRemoved(card)),
    ]
    this.dialog.addEventListener("close", this.onClose)
    this.dialog.addEventListener("keydown", this.onKeydown)
    this.dialog.addEventListener("cancel", this.onCancel)
    this.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  onClose = () => {
    this.picture.removeAttribute("src")
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true })
    else this.#card.focusPicture()
  }

  // Esc resets the zoom first; the next one closes.
  onCancel = (event) => {
    if (this.#zoom.reset()) event.preventDefault()
  }

  onKeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isComposing(event)) return
    const action = this.#keys[event.key] ?? this.#keys[event.key.toLowerCase()]
    if (!action) return
    event.preventDefault()
    this.#actions[action]()
  }

  onClick = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action) this.#actions[action]?.()
  }

  #keys = {
    ArrowLeft: "previous",
    ArrowRight: "next",
    d: "download",
    f: "favorite",
    i: "panel",
    "+": "zoom-in",
    "-": "zoom-out",
    0: "reset",
  }

  #actions = {
    close: () => this.dialog.close(),
    previous: () => this.#step(-1),
    next: () => this.#step(1),
    "zoom-in": () => this.#zoom.zoomBy(ZOOM_STEP),
    "zoom-out": () => this.#zoom.zoomBy(1 / ZOOM_STEP),
    reset: () => this.#zoom.reset(),
    download: () => this.#card.download(),
    favorite: () => this.#toggleFavorite(),
    panel: () => this.#togglePanel(),
  }

  #open(card) {
    this.#opener = document.activeElement
    this.dialog.showModal()
    this.#show(card)
  }

  // A picture that somebody deletes is not shown any longer.
  #onRemoved(card) {
    if (card === this.#card && this.dialog.open) this.dialog.close()
  }

  get #cards() {
    const shown = document.querySelectorAll("generation-card:not([data-local-behind])")
    return [...shown].filter((card) => card.picture)
  }

  #step(by) {
    const cards = this.#cards
    const next = cards[cards.indexOf(this.#card) + by]
    if (next) this.#show(next)
  }

  #show(card) {
    this.#card = card
    this.#zoom.reset()
    const { url, alt, width, height } = card.picture
    this.picture.setAttribute("width", width)
    this.picture.setAttribute("height", height)
    this.picture.alt = alt
    this.picture.src = url
    slot(this, "panel").replaceChildren(...card.cloneDetails())
    this.#showPosition()
    this.#showFavorite()
  }

  #showPosition() {
    const cards = this.#cards
    const index = cards.indexOf(this.#card)
    setText(slot(this, "count"), `${index + 1} of ${cards.length}`)
    this.querySelector(".viewer__previous").disabled = index <= 0
    this.querySelector(".viewer__next").disabled = index >= cards.length - 1
  }

  #toggleFavorite() {
    this.#card.toggleFavorite()
    this.#showFavorite()
  }

  #showFavorite() {
    this.querySelector(".viewer__favorite").setAttribute("aria-pressed", String(this.#card.favorite))
  }

  #togglePanel() {
    const panel = slot(this, "panel")
    panel.hidden = !panel.hidden
    this.querySelector('[data-action="panel"]').setAttribute("aria-pressed", String(!panel.hidden))
  }
}

customElements.define("picture-viewer", PictureViewer)
