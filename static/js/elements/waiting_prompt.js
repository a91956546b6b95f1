// <waiting-prompt> around the form of a first picture: keeps its prompt until there is a session for it
// (helpers/waiting_prompt.js). Whoever has signed in meanwhile, and came Back, need not fill in the fields again.
import { slot } from "../helpers/dom.js"
import { currentViewer } from "../helpers/viewer_guard.js"
import { keepPrompt } from "../helpers/waiting_prompt.js"

export class WaitingPrompt extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.onClick)
    this.addEventListener("submit", this.onSubmit)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.removeEventListener("submit", this.onSubmit)
  }

  onClick = () => (this.querySelector("form").noValidate = Boolean(currentViewer()))

  onSubmit = () => keepPrompt(slot(this, "prompt")?.value ?? "")
}

customElements.define("waiting-prompt", WaitingPrompt)
