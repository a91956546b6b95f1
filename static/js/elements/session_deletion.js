// <session-deletion>: the dialog that asks before a session is deleted, says what is lost, and offers undo for five
// seconds.
import { call } from "../helpers/api.js"
import { removeLeaving } from "../helpers/deletions.js"
import { setFlag, slot, setText } from "../helpers/dom.js"
import { formatDuration, secondsUntil } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"

export class SessionDeletion extends HTMLElement {
  #session = ""
  #opener = null
  #asked = 0
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

  // Fetched when it opens: credits and time have changed since the page was rendered. What was pressed last counts.
  async #open(button) {
    const asked = ++this.#asked
    const { session: id } = button.dataset
    const { session, error } = await call("GET", `/sessions/${id}`).catch((problem) => ({ error: problem }))
    if (asked !== this.#asked) return
    this.#session = id
    this.#opener = button
    this.#showProblem(error?.message ?? "")
    setText(slot(this, "name"), session?.title ?? "")
    slot(this, "lost").hidden = true
    if (session) this.#showLoss(session)
    this.#undo.disabled = false
    setFlag(this, "data-local-leaving", false)
    this.dialog.showModal()
  }

  get #undo() {
    return this.querySelector('[data-action="undo-session"]')
  }

  #showLoss({ status, expires_at, credits: { image, video } }) {
    slot(this, "lost").hidden = status !== "active"
    setText(slot(this, "time"), formatDuration(secondsUntil(expires_at)))
    setText(
      slot(this, "credits"),
      `${leftOf(image, "picture")} and ${leftOf(video, "clip")} of this hour`,
    )
  }

  onSubmit = (event) => {
    event.preventDefault()
    setFlag(this, "data-local-leaving", true)
    this.#undo.focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  // Closing the dialog undoes the deletion.
  onClose = () => {
    this.#cancelDeletion?.()
    this.#cancelDeletion = null
    setFlag(this, "data-local-leaving", false)
    this.#opener?.focus()
  }

  // Once the dialog is closed, its event is on the way.
  #sendDeletion = async () => {
    if (!this.dialog.open) return
    this.#cancelDeletion = null
    this.#undo.disabled = true
    try {
      await removeLeaving(`/sessions/${this.#session}`)
      location.assign("/sessions")
    } catch (error) {
      this.#undo.disabled = false
      setFlag(this, "data-local-leaving", false)
      this.#showProblem(error.message)
    }
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }
}

function leftOf({ left, limit }, noun) {
  return `${left} of ${limit} ${limit === 1 ? noun : `${noun}s`}`
}

customElements.define("session-deletion", SessionDeletion)
