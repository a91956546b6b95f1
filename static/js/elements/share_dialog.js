// <share-dialog>: makes a share link to pictures, an album or a session, or changes one; then shows its address.
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { make } from "../helpers/making.js"

const DEFAULT_DAYS = "30"

export class ShareDialog extends HTMLElement {
  #subject = null
  #share = null
  #isListOld = false // a link was changed that the page, which the server has drawn, lists

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.form = slot(this, "form")
    this.addEventListener("click", this.onClick)
    this.form.addEventListener("submit", this.onSubmit)
    this.dialog.addEventListener("close", this.onClose)
  }

  /** Shows the form for a subject (helpers/sharing.js). An answer that is late is not shown for the next subject. */
  async open(subject) {
    this.#subject = subject
    const share = subject.share ? (await call("GET", `/shares/${subject.share}`)).share : null
    if (subject !== this.#subject) return
    this.#share = share
    this.#fill()
    this.dialog.showModal()
  }

  onClick = (event) => {
    const closes = event.target.closest('[data-action="close"]') || event.target === this.dialog
    if (closes) this.dialog.close()
  }

  onClose = () => {
    if (this.#isListOld) location.reload()
  }

  onSubmit = async (event) => {
    event.preventDefault()
    const submit = slot(this, "submit")
    if (submit.ariaDisabled === "true") return
    const [subject, changes] = [this.#subject, Boolean(this.#share)]
    this.#showProblem("")
    submit.ariaDisabled = "true"
    const made = await this.#send().catch((error) => ({ error }))
    if (changes && (!made.error || made.error.status === 404)) this.#isListOld = true
    if (subject !== this.#subject) return
    if (!this.dialog.open) return this.onClose()
    submit.ariaDisabled = null
    if (made.error) this.#showProblem(made.error.message)
    else this.#showDone(made)
  }

  #fill() {
    const share = this.#share
    this.form.reset()
    this.form.hidden = false
    slot(this, "done").hidden = true
    slot(this, "submit").ariaDisabled = null
    this.#showProblem("")
    setText(slot(this, "heading"), share ? "Change the link" : `Share ${this.#what()}`)
    setText(slot(this, "submit"), share ? "Save" : "Make the link")
    setText(slot(this, "words"), this.#words())
    slot(this, "follow").hidden = Boolean(share) || !(this.#subject.album || this.#subject.session)
    slot(this, "keep").hidden = !share
    slot(this, "no-password").hidden = !share?.has_password
    const { title, days, downloads, prompts, preview, password } = this.form.elements
    password.placeholder = share?.has_password ? "Leave empty to keep it" : ""
    days.value = share ? "keep" : DEFAULT_DAYS
    if (this.#subject.album) title.value = this.#subject.name
    if (!share) return
    title.value = share.title
    downloads.checked = share.downloads
    prompts.checked = share.prompts
    preview.checked = share.preview
  }

  #what() {
    const { assets, name, album, session } = this.#subject
    if (album) return `“${name}”`
    if (session) return "your pictures of this session"
    return assets.length === 1 ? "this picture" : `${assets.length} pictures and clips`
  }

  #words() {
    if (this.#share) return "What you change is so at once, for everybody who has the link."
    const whose = this.#subject.session ? " What others made in it is theirs to share." : ""
    return `Whoever has the link sees it, without an account.${whose}`
  }

  #send() {
    const { title, days, downloads, prompts, preview, password } = this.form.elements
    const fields = {
      title: title.value.trim(),
      downloads: downloads.checked,
      prompts: prompts.checked,
      preview: preview.checked,
    }
    if (days.value !== "keep") fields.days = days.value ? Number(days.value) : null
    if (password.value) fields.password = password.value
    if (this.#share) {
      if (this.form.elements.no_password.checked) fields.password = ""
      return call("PATCH", `/shares/${this.#share.id}`, this.#changesAmong(fields))
    }
    return make("/shares", { ...fields, ...this.#source() })
  }

  // What is as it was when the dialog opened may have been changed elsewhere since.
  #changesAmong(fields) {
    return Object.fromEntries(Object.entries(fields).filter(([name, value]) => value !== this.#share[name]))
  }

  #source() {
    const { assets, album, session } = this.#subject
    const follow = this.form.elements.follow.value === "yes"
    if (album) return { kind: "album", album_id: album, follow }
    if (session) return { kind: "session", session_id: session, follow }
    return { kind: assets.length === 1 ? "picture" : "selection", asset_ids: assets }
  }

  #showDone({ share, url }) {
    this.form.hidden = true
    slot(this, "done").hidden = false
    setText(slot(this, "done-words"), this.#share ? "Saved." : "Here is the link.")
    const field = slot(this, "url")
    field.value = url ?? ""
    field.parentElement.hidden = !url || share.status !== "open"
    if (url) field.select()
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }
}

customElements.define("share-dialog", ShareDialog)
