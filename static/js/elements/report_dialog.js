// <report-dialog>: tells the operator what is wrong with a picture or a message of somebody else.
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"

export class ReportDialog extends HTMLElement {
  #path = ""

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.form = slot(this, "form")
    this.addEventListener("click", this.onClick)
    this.form.addEventListener("submit", this.onSubmit)
  }

  /** Shows the form for a file, the first of `assets`, or for a `message`. What was typed and not sent is kept. */
  async open({ assets, message }) {
    const path = message ? `/messages/${message}/reports` : `/assets/${assets[0]}/reports`
    if (path !== this.#path || this.form.hidden) this.form.reset()
    this.#path = path
    setText(slot(this, "heading"), message ? "Report this message" : "Report this picture")
    slot(this, "submit").ariaDisabled = null
    this.#show("", "")
    this.dialog.showModal()
  }

  onClick = (event) => {
    if (event.target.closest('[data-action="close"]') || event.target === this.dialog) this.dialog.close()
  }

  // Until the answer is here, the dialog may have been closed, and be about something else.
  onSubmit = async (event) => {
    event.preventDefault()
    const submit = slot(this, "submit")
    if (submit.ariaDisabled === "true") return
    const [path, { kind, words }] = [this.#path, this.form.elements]
    submit.ariaDisabled = "true"
    const report = call("POST", path, { kind: kind.value, words: words.value })
    const { already, error } = await report.catch((problem) => ({ error: problem }))
    if (path !== this.#path) return
    submit.ariaDisabled = null
    if (error) return this.#show("", error.message)
    this.#show(`${already ? "You have reported it already." : "Thank you."} The operator will look at it.`, "")
  }

  #show(done, problem) {
    this.form.hidden = Boolean(done)
    slot(this, "done").hidden = !done
    setText(slot(this, "told"), done)
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
    if (done) slot(this, "done").querySelector("button").focus()
  }
}

customElements.define("report-dialog", ReportDialog)
