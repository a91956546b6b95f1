// <session-title data-session>: what a session is called. Its owner presses it to write another name: Enter and leaving
// the field save, Esc does not.
import { call } from "../helpers/api.js"
import { slot, write } from "../helpers/dom.js"
import { composing } from "../helpers/keys.js"
import { tooMuch } from "../helpers/text.js"

export class SessionTitle extends HTMLElement {
  connectedCallback() {
    this.form = slot(this, "form")
    this.field = this.querySelector("input")
    if (!this.form) return // a guest's
    this.addEventListener("click", this.press)
    this.addEventListener("keydown", this.key)
    this.form.addEventListener("submit", this.save)
    this.field.addEventListener("blur", this.save)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.press)
    this.removeEventListener("keydown", this.key)
  }

  press = (event) => {
    if (!event.target.closest('[data-action="rename"]')) return
    this.#open(slot(this, "title").textContent)
    this.field.select()
  }

  key = (event) => {
    if (event.key !== "Escape" || this.form.hidden || composing(event)) return
    event.preventDefault()
    this.#close()
    this.#button.focus()
  }

  // The new name stands there at once; where the server refuses it, the old one comes back, with the reason.
  save = async (event) => {
    event.preventDefault()
    if (this.form.hidden) return
    const [before, title] = [slot(this, "title").textContent, this.field.value.trim().replace(/\s+/g, " ")]
    const problem = tooMuch(title, Number(this.field.dataset.most))
    if (problem) return this.#open(this.field.value, problem)
    this.#close()
    if (event.type === "submit") this.#button.focus()
    if (!title || title === before) return
    this.show(title)
    try {
      await call("PATCH", `/sessions/${this.dataset.session}`, { title })
    } catch (error) {
      this.show(before)
      this.#open(title, error.message)
    }
  }

  show(title) {
    write(slot(this, "title"), title)
  }

  get #button() {
    return this.querySelector('[data-action="rename"]')
  }

  #open(title, problem = "") {
    this.toggleAttribute("data-local-renaming", true)
    this.form.hidden = false
    this.field.value = title
    slot(this, "problem").hidden = !problem
    write(slot(this, "problem"), problem)
  }

  #close() {
    this.form.hidden = true
    this.toggleAttribute("data-local-renaming", false)
  }
}

customElements.define("session-title", SessionTitle)
