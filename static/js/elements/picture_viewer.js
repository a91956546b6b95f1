// <picture-viewer>: the lightbox. Shows a card's picture or clip uncropped, zooms pictures, and steps through all files
// of the page. An entry of the history stands for it while it is open, so that Back closes it.
import { call } from "../helpers/api.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { placeBeside } from "../helpers/placing.js"
import { leadElsewhere, openSharing } from "../helpers/sharing.js"
import { showWhole } from "../helpers/whole_picture.js"
import { showLargerSizes } from "../models/larger_sizes.js"
import { Zoom } from "../models/zoom.js"

const ZOOM_STEP = 1.5
// What the lightbox does by itself, for every card.
const KEPT = ["download", "panel", "zoom-in", "zoom-out"]
// Thumbnails of the strip on each side of the one that is shown.
const STRIP_SIDE = 12
const ROOMY = matchMedia("(min-width: 64rem)")

export class PictureViewer extends HTMLElement {
  #card = null
  #opener = null
  #zoom = null
  #leaving = false // the browser is on its way back from the entry of the history
  #passing = false // and comes by it once more

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.picture = slot(this, "picture")
    this.clip = slot(this, "clip")
    this.#zoom ??= new Zoom(slot(this, "stage"), this.picture, (way) => this.#onSwipe(way))
    this.dialog.addEventListener("close", this.onClose)
    this.dialog.addEventListener("keydown", this.onKeydown)
    this.dialog.addEventListener("cancel", this.onCancel)
    this.addEventListener("click", this.onClick)
    document.addEventListener("favorite-shown", this.onFavoriteShown)
    document.addEventListener("pictures-changed", this.onPicturesChanged)
    this.#showPanel(ROOMY.matches)
  }

  disconnectedCallback() {
    document.removeEventListener("favorite-shown", this.onFavoriteShown)
    document.removeEventListener("pictures-changed", this.onPicturesChanged)
  }

  /** The card whose file is shown. */
  get card() {
    return this.#card
  }

  /**
   * Shows a card's file, over the page. Where it is open, what is over it closes, such as the picture's editor after
   * Back; where the entry of the history is that of the editor, such as after a reload, that is opened too.
   */
  open(card) {
    if (this.#passing) return this.#pass()
    const wasOpen = this.dialog.open
    if (wasOpen) this.#closeAbove()
    else {
      this.#opener = document.activeElement
      if (!history.state?.picture) history.pushState({ ...history.state, picture: card.id }, "")
      this.dialog.showModal()
    }
    if (wasOpen && card === this.#card) this.#showRelated(card.dataset.asset)
    else this.#show(card)
    if (history.state?.change) this.querySelector("[data-use=change]")?.click()
  }

  #pass() {
    this.#passing = false
    history.back()
  }

  #closeAbove() {
    for (const above of document.querySelectorAll("dialog[open]")) if (above !== this.dialog) above.close()
  }

  close() {
    this.dialog.close()
  }

  /** The page is at an entry of the history that names no picture. Opened again on the way there, it stays open. */
  onEntryLeft() {
    const reopened = this.#leaving && this.dialog.open
    this.#leaving = false
    if (reopened) history.pushState({ ...history.state, picture: this.#card.id }, "")
    else this.close()
  }

  /** Closes where it shows this card, which somebody deleted. */
  leave(card) {
    if (card === this.#card && this.dialog.open) this.close()
  }

  // The event comes with a later frame: until then, Forward may have opened it again.
  onClose = () => {
    if (this.dialog.open) return
    this.picture.removeAttribute("src")
    this.clip.removeAttribute("src")
    slot(this, "strip").replaceChildren()
    if ([document.body, this.#opener].includes(document.activeElement)) this.#returnFocus()
    this.#leaving = Boolean(history.state?.picture)
    // Closed right after the editor that was over it: that is on its way back to the entry of the lightbox.
    this.#passing = Boolean(document.querySelector("picture-editor[data-local-leaving]"))
    if (this.#leaving && !this.#passing) history.back()
  }

  // Where nothing else has taken it since, such as the Undo of what was deleted.
  #returnFocus() {
    if (this.#opener?.isConnected && this.#opener.checkVisibility()) this.#opener.focus({ preventScroll: true })
    else this.#card.focusPicture()
  }

  onFavoriteShown = () => this.#card && this.#showFavorite()

  onPicturesChanged = () => this.dialog.open && this.#showStrip()

  // Esc resets the zoom first; the next one closes.
  onCancel = (event) => {
    if (this.#zoom.reset()) event.preventDefault()
  }

  onKeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isComposing(event) || event.target === this.clip) return
    const action = this.#keys[event.key] ?? this.#keys[event.key.toLowerCase()]
    if (!action) return
    event.preventDefault()
    this.#actions[action]()
  }

  onClick = (event) => {
    const control = event.target.closest("[data-action]")
    if (control?.dataset.action === "walk") return this.#show(document.getElementById(control.dataset.card))
    if (!control || control.ariaDisabled === "true") return
    if (control.dataset.action === "enlarge") return this.#leaveFor(() => this.#card.run("enlarge", control))
    this.#actions[control.dataset.action]?.()
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
    close: () => this.close(),
    previous: () => this.#step(-1),
    next: () => this.#step(1),
    "zoom-in": () => this.#zoom.zoomBy(ZOOM_STEP),
    "zoom-out": () => this.#zoom.zoomBy(1 / ZOOM_STEP),
    reset: () => this.#zoom.reset(),
    download: () => this.#card.download(),
    favorite: () => this.#toggleFavorite(),
    panel: () => this.#showPanel(slot(this, "panel").hidden),
    larger: () => this.#showLarger(),
    use: () => this.close(), // what it fills stands in the composer
    retry: () => this.#leaveFor(() => this.#card.run("retry")),
    "copy-prompt": () => this.#card.run("copy-prompt"),
    "copy-link": () => this.#card.run("copy-link"),
    share: () => this.#share("share"),
    album: () => this.#share("album"),
    report: () => this.#share("report"),
    remove: () => this.#leaveFor(() => this.#card.run("remove")),
    // Going back in the history, as closing does, would stop the way to another page.
    reveal: () => (this.#card.isElsewhere ? this.#card.reveal() : this.#leaveFor(() => this.#card.reveal())),
  }

  // The sizes of the page's menu, filled for this card.
  #showLarger() {
    const popover = slot(this, "larger")
    const sizes = document.querySelector("picture-menu [data-slot=sizes]").cloneNode(true)
    showLargerSizes(sizes, this.#card.dataset)
    popover.replaceChildren(sizes)
    popover.showPopover()
    placeBeside(popover, this.querySelector('[data-action="larger"]').getBoundingClientRect())
    sizes.querySelector("button")?.focus()
  }

  #share(name) {
    openSharing(name, { assets: [this.#card.dataset.asset] }, this.dataset.sharing).catch(leadElsewhere)
  }

  // What happens then happens in the stream.
  #leaveFor(action) {
    this.close()
    action()
  }

  #onSwipe(way) {
    if (way === "down") this.close()
    else this.#step(way === "left" ? 1 : -1)
  }

  get #cards() {
    const cards = [...document.querySelectorAll("generation-card, gallery-picture:not([data-leaving])")]
    return cards.filter((card) => card === this.#card || (card.file && !card.hasAttribute("data-local-behind")))
  }

  #step(by) {
    const cards = this.#cards
    const next = cards[cards.indexOf(this.#card) + by]
    if (next) this.#show(next)
  }

  #show(card) {
    this.#card = card
    history.replaceState({ ...history.state, picture: card.id }, "")
    this.#zoom.reset()
    this.#showFile(card.file)
    this.#showDetails(card)
    this.#showRelated(card.dataset.asset)
    setFlag(this.dialog, "data-local-mine", card.isMine)
    for (const each of this.querySelectorAll("[data-own]")) each.hidden = !card.isMine
    this.querySelector('[data-action="report"]').hidden = card.isMine
    this.#showStrip()
    this.#showFavorite()
    this.#offer(card)
    this.#offerLarger()
    card.dispatchEvent(new CustomEvent("picture-shown", { bubbles: true }))
  }

  // Not offered where the plan allows no larger size, or nothing here makes it.
  #offerLarger() {
    const sizes = document.querySelector("picture-menu [data-slot=sizes]")
    if (!sizes) return // the gallery has no session to make it in
    showLargerSizes(sizes, this.#card.dataset)
    this.querySelector(".viewer__larger").hidden = sizes.hidden
  }

  // A card of the gallery has its details from the server: until they are here, those of another are not shown for it.
  async #showDetails(card) {
    slot(this, "details").replaceChildren()
    const details = await card.cloneDetails()
    if (card === this.#card) slot(this, "details").replaceChildren(...details)
  }

  #offer(card) {
    if (!card.offers) return
    for (const button of this.querySelectorAll(".viewer__bar [data-action]")) {
      button.hidden = !KEPT.includes(button.dataset.action) && !card.offers(button.dataset.action)
    }
  }

  #showFile(file) {
    const isClip = file.kind === "video"
    this.dialog.dataset.kind = file.kind
    for (const side of ["width", "height"]) slot(this, "stage").style.setProperty(`--${side}`, file[side])
    this.picture.hidden = isClip
    this.clip.hidden = !isClip
    if (!isClip) {
      this.clip.removeAttribute("src")
      return showWhole(this.picture, file, () => this.#card.file?.url === file.url)
    }
    this.picture.removeAttribute("src")
    this.clip.poster = file.thumbnail
    this.clip.ariaLabel = file.alt
    this.clip.src = file.url
    this.clip.play().catch(() => {}) // it is there to be started
  }

  #showStrip() {
    const cards = this.#cards
    const index = cards.indexOf(this.#card)
    setText(slot(this, "count"), `${index + 1} of ${cards.length}`)
    this.querySelector(".viewer__previous").disabled = index <= 0
    this.querySelector(".viewer__next").disabled = index >= cards.length - 1
    const strip = slot(this, "strip")
    strip.hidden = cards.length < 2
    const start = Math.max(Math.min(index - STRIP_SIDE, cards.length - 2 * STRIP_SIDE - 1), 0)
    const around = cards.slice(start, start + 2 * STRIP_SIDE + 1)
    const hadFocus = strip.contains(document.activeElement)
    const shown = [...strip.children].map((button) => button.dataset.card)
    if (shown.join() !== around.map((card) => card.id).join()) {
      strip.replaceChildren(...around.map((card) => this.#thumbnail(card)))
    }
    for (const button of strip.children) {
      if (button.dataset.card === this.#card.id) button.setAttribute("aria-current", "true")
      else button.removeAttribute("aria-current")
    }
    if (hadFocus) strip.querySelector("[aria-current]").focus()
    strip.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" })
  }

  // What it was made from, and what was made from it, as far as whoever looks may see it.
  async #showRelated(asset) {
    for (const name of ["source", "results"]) this.#fillRelated(slot(this, name), [])
    this.#offerComparison(null, asset)
    const found = await call("GET", `/assets/${asset}`).catch(() => null)
    if (!found || this.#card.dataset.asset !== asset) return
    this.#fillRelated(slot(this, "source"), found.source ? [found.source] : [])
    this.#offerComparison(found.source, asset)
    this.#fillRelated(slot(this, "results"), found.results)
  }

  #offerComparison(source, asset) {
    const place = slot(this, "compare")
    place.hidden = !source || this.#card.dataset.kind !== "image"
    if (source) place.firstElementChild.href = `/gallery/compare?first=${source.id}&second=${asset}`
  }

  #fillRelated(place, assets) {
    const links = assets.map(({ id, thumbnail_url: thumbnail, filename }) => {
      const link = document.importNode(document.getElementById("viewer_related").content, true).firstElementChild
      Object.assign(link, { href: `/assets/${id}`, ariaLabel: filename })
      link.dataset.source = id
      link.firstElementChild.src = thumbnail
      return link
    })
    place.querySelectorAll("a").forEach((link) => link.remove())
    place.append(...links)
    place.hidden = links.length === 0
  }

  #thumbnail(card) {
    const button = document.importNode(document.getElementById("viewer_thumbnail").content, true).firstElementChild
    button.dataset.card = card.id
    button.ariaLabel = card.file.alt
    button.firstElementChild.src = card.file.thumbnail
    return button
  }

  #toggleFavorite() {
    this.#card.toggleFavorite()
  }

  #showFavorite() {
    this.querySelector(".viewer__favorite").setAttribute("aria-pressed", String(this.#card.favorite))
  }

  #showPanel(on) {
    slot(this, "panel").hidden = !on
    this.querySelector('[data-action="panel"]').setAttribute("aria-pressed", String(on))
  }
}

customElements.define("picture-viewer", PictureViewer)
