// <setting-chips>: the settings of a picture or clip as one row of chips. Each opens its choices in a popover above it;
// what differs from the usual is tinted, and what was typed is a chip that can be removed.
import { bus } from "../bus.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { CHANGES, fieldProblem } from "../models/generation_request.js"

const TOUCH = matchMedia("(pointer: coarse)") // where focus in a text field covers half of the screen
const TYPED = {
  source_asset_id: () => "the picture",
  mask: () => "the part, so that all of it may change",
  negative_prompt: (words) => `without ${words}`,
  seed: (number) => `seed ${number}`,
  steps: (number) => `${number} steps`,
  guidance: (number) => `guidance ${number}`,
}

export class SettingChips extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    this.addEventListener("beforetoggle", this.onBeforeToggle, true) // these two do not bubble
    this.addEventListener("toggle", this.onToggle, true)
  }

  /** Shows what a request for `generation.create` and the fields have chosen. */
  show(request) {
    this.#showSource(this.querySelector('[data-setting="source"]'), request)
    this.#showPart(this.querySelector('[data-setting="part"]'), request)
    for (const chip of this.querySelectorAll("[data-name]")) this.#showTyped(chip, request)
    if (!request.mask) this.#showChoices(request)
  }

  #showChoices(request) {
    const pixels = `${request.width} × ${request.height} pixels`
    const longest = String(Math.max(request.width, request.height))
    for (const chip of this.querySelectorAll("[data-label]")) this.#showChoice(chip, longest)
    for (const { value, parentElement } of this.querySelectorAll('[name="size"]')) {
      setFlag(parentElement, "data-local-chosen", value === longest)
    }
    setText(slot(this, "pixels"), request.kind === "video" ? `${pixels}; a clip has 768 at most` : pixels)
  }

  onClick = ({ target, detail }) => {
    const button = target.closest("[data-action]")
    if (button?.dataset.action === "dice") this.#type("seed", crypto.getRandomValues(new Uint32Array(1))[0])
    if (button?.dataset.action === "remove") this.#remove(button)
    if (button?.dataset.action === "part") bus.emit("paint-part")
    if (button?.dataset.action === "cancel-upload") bus.emit("cancel-upload")
    // Arrow keys choose by a click too, without a button having been pressed.
    if (target.type === "radio" && detail > 0) this.#close(target)
  }

  // Enter takes the choice; it does not send the form.
  onKeydown = (event) => {
    const popover = event.target.closest("[popover]")
    if (isComposing(event) || event.key !== "Enter" || !popover || event.target.localName !== "input") return
    event.preventDefault()
    popover.hidePopover()
  }

  // Where CSS cannot anchor it, a popover is put above its chip once, when it opens.
  onBeforeToggle = ({ target, newState }) => {
    if (newState !== "open" || CSS.supports("position-area", "block-start")) return
    const { left, top } = this.querySelector(`[popovertarget="${target.id}"]`).getBoundingClientRect()
    setFlag(target, "data-local-placed", true)
    target.style.setProperty("--left", `${left}px`)
    target.style.setProperty("--bottom", `${innerHeight - top}px`)
  }

  onToggle = ({ target, newState }) => {
    if (newState !== "open") return
    const field = target.querySelector(":checked") ?? (TOUCH.matches ? null : target.querySelector("input"))
    field?.focus()
  }

  #close(radio) {
    radio.closest("[popover]").hidePopover()
    if (!TOUCH.matches) bus.emit("compose", {})
  }

  // A part goes with its picture.
  #remove(chip) {
    if (chip.dataset.name === "source_asset_id") this.#type("mask", "")
    this.#type(chip.dataset.name, "")
    this.querySelector('[data-setting="more"]').focus()
  }

  #type(name, value) {
    const field = this.querySelector(`[name="${name}"]`)
    field.value = value
    field.dispatchEvent(new Event("input", { bubbles: true }))
  }

  #showChoice(chip, longest) {
    const { setting, label } = chip.dataset
    const chosen = this.querySelector(`[name="${setting}"]:checked`)
    const words = setting === "size" ? longest : chosen.dataset.chip
    setText(slot(chip, "chosen"), words)
    chip.setAttribute("aria-label", `${label}: ${words === label ? "none" : words}`)
    setFlag(chip, "data-local-changed", !chosen.defaultChecked)
    chip.querySelector("rect")?.replaceWith(chosen.parentElement.querySelector("rect").cloneNode())
  }

  #showSource(chip, { source_asset_id: source, change }) {
    const thumbnail = slot(chip, "source")
    thumbnail.hidden = !source
    if (source && chip.dataset.shown !== source) thumbnail.src = `/files/${source}/thumbnail.webp`
    chip.dataset.shown = source ?? ""
    setText(slot(chip, "chosen"), CHANGES[change] ?? "Picture")
    setFlag(chip, "data-local-changed", source)
  }

  // It has the shape and the size of the picture.
  #showPart(chip, { source_asset_id: source, mask }) {
    chip.hidden = !source
    setText(slot(chip, "chosen"), mask ? "A part" : "Part")
    setFlag(chip, "data-local-changed", mask)
    setFlag(this, "data-local-part", mask)
  }

  #showTyped(chip, request) {
    const { name } = chip.dataset
    const value = this.querySelector(`[name="${name}"]`).value.trim()
    chip.hidden = !value
    setText(slot(chip, "typed"), TYPED[name](value))
    chip.setAttribute("aria-label", `Remove: ${TYPED[name](value)}`)
    setFlag(chip, "data-local-wrong", fieldProblem(name, request[name]))
  }
}

customElements.define("setting-chips", SettingChips)
