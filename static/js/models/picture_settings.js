// The settings of a picture or clip: the fields of the composer's form, and the <select>s that stand for its rows of
// chips on narrow screens.
import { generationRequest } from "./generation_request.js"

export class PictureSettings {
  #form

  constructor(form) {
    this.#form = form
  }

  /** The fields of `generation.create` for this prompt. */
  request(kind, prompt) {
    return generationRequest(kind, prompt, new FormData(this.#form))
  }

  /** All fields by name, as a draft stores them. */
  get values() {
    return Object.fromEntries(new FormData(this.#form))
  }

  /** Fills the fields from a draft, except choices that the plan does not offer. */
  restore(values = {}) {
    for (const [name, value] of Object.entries(values)) this.#restoreField(name, value)
  }

  /** Sets one field. */
  set(name, value) {
    this.#form.elements[name].value = value
  }

  /** Copies the choice of a <select data-for> to the field that it stands for. */
  copyFrom(select) {
    if (select.dataset.for) this.set(select.dataset.for, select.value)
  }

  /** Shows the chosen values in the <select>s. */
  showInSelects() {
    const { elements } = this.#form
    for (const select of this.#form.querySelectorAll("[data-for]")) select.value = elements[select.dataset.for].value
  }

  #restoreField(name, value) {
    const field = this.#form.elements[name]
    if (!(field instanceof RadioNodeList)) {
      if (field) field.value = value
      return
    }
    for (const radio of field) if (radio.value === value && !radio.disabled) radio.checked = true
  }
}
