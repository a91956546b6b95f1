// <unsent-draft data-session="…">: what was being written in a session in which its author is no longer, with a button
// that copies it. Hidden where nothing was.
import { setText, slot } from "../helpers/dom.js"
import { Drafts } from "../models/drafts.js"

export class UnsentDraft extends HTMLElement {
  connectedCallback() {
    const text = new Drafts(this.dataset.session).load()?.text
    setText(slot(this, "unsent-words"), text ?? "")
    this.hidden = !text
  }
}

customElements.define("unsent-draft", UnsentDraft)
