// <picture-menu>: what can be done with a picture or clip, and the files of a batch in every format. Beside its button,
// or a sheet on a small screen.
import { setFlag, setText, slot } from "../helpers/dom.js"
import { placeBeside } from "../helpers/placing.js"
import { leadElsewhere, openSharing } from "../helpers/sharing.js"
import { showLargerSizes } from "../models/larger_sizes.js"

export class PictureMenu extends HTMLElement {
  #card = null
  #button = null
  #pressed = false

  connectedCallback() {
    this.actions = slot(this, "actions")
    this.formats = slot(this, "formats")
    this.addEventListener("click", this.onClick)
    document.addEventListener("pointerdown", this.onPointerdown, true)
    document.addEventListener("click", this.onAnyClick, true)
  }

  disconnectedCallback() {
    document.removeEventListener("pointerdown", this.onPointerdown, true)
    document.removeEventListener("click", this.onAnyClick, true)
  }

  /** Shows what can be done with a card's file, beside a button. */
  showActions({ card, button }) {
    this.#card = card
    const [settings, downloads] = card.cloneDetails()
    slot(this, "facts").replaceChildren(settings)
    slot(this, "links").replaceChildren(downloads)
    showLargerSizes(slot(this, "sizes"), card.dataset)
    setFlag(this.actions, "data-local-mine", card.isMine)
    this.actions.dataset.kind = card.dataset.kind
    setText(slot(this, "remove"), `Delete this ${card.dataset.kind === "video" ? "clip" : "picture"}`)
    for (const each of this.actions.querySelectorAll("[data-own]")) each.hidden = !card.isMine
    slot(this, "report").parentElement.hidden = card.isMine
    this.actions.querySelector('[data-action="favorite"]').setAttribute("aria-pressed", String(card.favorite))
    this.#show(this.actions, button)
  }

  /** Shows the files of some cards in every format, beside a button. */
  showFormats({ cards, button }) {
    const rows = cards.filter((card) => card.file).map((card) => this.#row(card))
    slot(this, "rows").replaceChildren(...rows)
    this.#show(this.formats, button)
  }

  /** The card whose file the menu is about. */
  get card() {
    return this.#card
  }

  onClick = (event) => {
    const control = event.target.closest("[data-action], a")
    if (!control) return
    this.actions.hidePopover()
    this.formats.hidePopover()
    if (control.dataset.action === "look-closer") this.#card.querySelector("a").click()
    else if (control.matches('[data-own], [data-action="report"]')) this.#share(control.dataset.action)
    else if (control.dataset.action && !control.dataset.use) this.#card.run(control.dataset.action, control)
  }

  #share(name) {
    this.open(name, { assets: [this.#card.dataset.asset] })
  }

  /** Opens a dialog of helpers/sharing.js for a subject. */
  open(name, subject) {
    openSharing(name, subject, this.dataset.sharing).catch(leadElsewhere)
  }

  // A press on the button of an open menu closes it; the click that follows does not open it again.
  onPointerdown = (event) => {
    this.#pressed = this.#button?.contains(event.target) && Boolean(this.querySelector(":popover-open"))
  }

  // That of a key follows no press: what was pressed last ended without a click.
  onAnyClick = ({ detail }) => {
    if (!detail) this.#pressed = false
  }

  #row(card) {
    const row = document.importNode(document.getElementById("formats_row").content, true).firstElementChild
    setText(slot(row, "name"), card.ariaLabel)
    slot(row, "links").replaceWith(card.cloneDetails()[1])
    return row
  }

  #show(popover, button) {
    const again = this.#pressed && this.#button === button
    this.#pressed = false
    this.#button = button
    if (again) return
    popover.showPopover()
    placeBeside(popover, button.getBoundingClientRect())
    popover.querySelector("a, button").focus()
  }
}

customElements.define("picture-menu", PictureMenu)
