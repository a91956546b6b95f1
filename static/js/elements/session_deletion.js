// <session-deletion>: the dialog that asks before a session is deleted, says what is lost, and offers undo for five
// seconds.
import { call } from "../helpers/api.js"
import { setFlag, slot, setText } from "../helpers/dom.js"
import { formatDuration, secondsUntil } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"

export class SessionDeletion extends HTMLElement {
  #session = ""
  #opener = null
  #cancelDeletion = null

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    document.addEventListener("click", this.onClick)
    slot(this, "form").addEventListener("submit", this.onSubmit)
    this.dialog.addEventListener("close", this.onClose)
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (button?.dataset.action === "delete-session") this.#open(button)
    const closes = ["close-dialog", "undo-session"].includes(button?.dataset.action) && this.contains(button)
    if (closes || event.target === this.dialog) this.dialog.close()
  }

  // Fetched when it opens: credits and time have changed since the page was rendered.
  async #open(button) {
    this.#session = button.dataset.session
    this.#opener = button
    this.#showProblem("")
    setText(slot(this, "name"), "")
    slot(this, "lost").hidden = true
    try {
      const { session } = await call("GET", `/sessions/${this.#session}`)
      setText(slot(this, "name"), session.title)
      this.#showLoss(session)
    } catch (error) {
      this.#showProblem(error.message)
    }
    setFlag(this, "data-local-leaving", false)
    this.dialog.showModal()
  }

  #showLoss({ status, expires_at, credits: { image, video } }) {
    slot(this, "lost").hidden = status !== "active"
    setText(slot(this, "time"), formatDuration(secondsUntil(expires_at)))
    setText(
      slot(this, "credits"),
      `${image.left} of ${image.limit} pictures and ${video.left} of ${video.limit} clips of this hour`,
    )
  }

  onSubmit = (event) => {
    event.preventDefault()
    setFlag(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo-session"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  // Closing the dialog undoes the deletion.
  onClose = () => {
    this.#cancelDeletion?.()
    this.#cancelDeletion = null
    setFlag(this, "data-local-leaving", false)
    this.#opener?.focus()
  }

  #sendDeletion = async () => {
    this.#cancelDeletion = null
    try {
      await call("DELETE", `/sessions/${this.#session}`, undefined, { keepalive: true })
      location.assign("/sessions")
    } catch (error) {
      setFlag(this, "data-local-leaving", false)
      this.#showProblem(error.message)
    }
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }
}

customElements.define("session-deletion", SessionDeletion)
