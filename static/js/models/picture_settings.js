// The settings of a picture or clip: the fields of the composer's form.
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
    for (const [name, value] of Object.entries(values)) this.set(name, value)
  }

  /** Sets one field, or makes one choice where it is offered. */
  set(name, value) {
    for (const field of this.#form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type !== "radio") field.value = value
      else if (field.value === value && !field.disabled) field.checked = true
    }
  }
}
