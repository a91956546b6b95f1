// <session-title data-session>: the title of a session. Its owner can rename it in place: Enter and leaving the field
// save, Esc cancels.
import { call } from "../helpers/api.js"
import { slot, setText } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { lengthProblem } from "../helpers/text.js"
import { Turns } from "../models/turns.js"

export class SessionTitle extends HTMLElement {
  #turns = new Turns()
  #stored = "" // as the server has it

  connectedCallback() {
    this.form = slot(this, "form")
    this.field = this.querySelector("input")
    this.#stored = slot(this, "title").textContent
    if (!this.form) return // for guests
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    this.form.addEventListener("submit", this.onSave)
    this.field.addEventListener("blur", this.onSave)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.removeEventListener("keydown", this.onKeydown)
  }

  onClick = (event) => {
    if (!event.target.closest('[data-action="rename"]')) return
    this.#open(slot(this, "title").textContent)
    this.field.select()
  }

  onKeydown = (event) => {
    if (event.key !== "Escape" || this.form.hidden || isComposing(event)) return
    event.preventDefault()
    this.#close()
    this.#button.focus()
  }

  // The new title is shown at once; when the server refuses it, the one that it has is restored, with the reason.
  onSave = async (event) => {
    event.preventDefault()
    if (this.form.hidden) return
    const [before, title] = [slot(this, "title").textContent, this.field.value.trim().replace(/\s+/g, " ")]
    const problem = lengthProblem(title, Number(this.field.dataset.most))
    if (problem) return this.#open(this.field.value, problem)
    this.#close()
    if (event.type === "submit") this.#button.focus()
    if (!title || title === before) return
    setText(slot(this, "title"), title)
    try {
      await this.#turns.take(() => call("PATCH", `/sessions/${this.dataset.session}`, { title }))
      this.#stored = title
    } catch (error) {
      if (this.#turns.isBusy) return // it has been renamed since
      setText(slot(this, "title"), this.#stored)
      this.#open(this.form.hidden ? title : this.field.value, error.message)
    }
  }

  /** Shows a title that was changed elsewhere. */
  show(title) {
    this.#stored = title
    setText(slot(this, "title"), title)
  }

  get #button() {
    return this.querySelector('[data-action="rename"]')
  }

  #open(title, problem = "") {
    this.toggleAttribute("data-local-renaming", true)
    this.form.hidden = false
    this.field.value = title
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }

  #close() {
    this.form.hidden = true
    this.toggleAttribute("data-local-renaming", false)
  }
}

customElements.define("session-title", SessionTitle)
