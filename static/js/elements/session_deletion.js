// <session-deletion>: asks before a session is deleted, with what is lost, and holds the page for the five seconds of the undo.
import { call } from "../helpers/api.js"
import { mark, slot, write } from "../helpers/dom.js"
import { secondsUntil, span } from "../helpers/time.js"
import { unlessUndone } from "../helpers/undo.js"

export class SessionDeletion extends HTMLElement {
  #session = ""
  #opener = null
  #undo = null

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    document.addEventListener("click", this.press)
    slot(this, "form").addEventListener("submit", this.confirm)
    this.dialog.addEventListener("close", this.#stay)
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.press)
  }

  press = (event) => {
    const button = event.target.closest("[data-action]")
    if (button?.dataset.action === "delete-session") this.#ask(button)
    const closes = ["close-dialog", "undo-session"].includes(button?.dataset.action) && this.contains(button)
    if (closes || event.target === this.dialog) this.dialog.close()
  }

  // What is lost is asked for now: credits and time have gone on since the page was drawn.
  async #ask(button) {
    this.#session = button.dataset.session
    this.#opener = button
    this.#say("")
    write(slot(this, "name"), "")
    slot(this, "lost").hidden = true
    try {
      const { session } = await call("GET", `/sessions/${this.#session}`)
      write(slot(this, "name"), session.title)
      this.#showLoss(session)
    } catch (error) {
      this.#say(error.message)
    }
    mark(this, "data-local-leaving", false)
    this.dialog.showModal()
  }

  #showLoss({ status, expires_at, credits: { image, video } }) {
    slot(this, "lost").hidden = status !== "active"
    write(slot(this, "time"), span(secondsUntil(expires_at)))
    write(slot(this, "credits"), `${image.left} of ${image.limit} pictures and ${video.left} of ${video.limit} clips of this hour`)
  }

  confirm = (event) => {
    event.preventDefault()
    mark(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo-session"]').focus()
    this.#undo = unlessUndone(this.#gone)
  }

  // Closing the dialog, however, takes it back.
  #stay = () => {
    this.#undo?.()
    this.#undo = null
    mark(this, "data-local-leaving", false)
    this.#opener?.focus()
  }

  #gone = async () => {
    this.#undo = null
    try {
      await call("DELETE", `/sessions/${this.#session}`, undefined, { keepalive: true })
      location.assign("/sessions")
    } catch (error) {
      mark(this, "data-local-leaving", false)
      this.#say(error.message)
    }
  }

  #say(problem) {
    slot(this, "problem").hidden = !problem
    write(slot(this, "problem"), problem)
  }
}

customElements.define("session-deletion", SessionDeletion)
