// <share-row data-share>: one of one's links, to be changed, or revoked: at the second press, as it cannot be undone.
import { remove } from "../helpers/api.js"
import { attempt } from "../helpers/attempt.js"
import { setText, slot } from "../helpers/dom.js"
import { keepFocus } from "../helpers/focus.js"
import { openSharing } from "../helpers/sharing.js"

const ASKED_MS = 5000

export class ShareRow extends HTMLElement {
  #timer = null

  connectedCallback() {
    this.addEventListener("click", this.onClick)
  }

  onClick = (event) => {
    if (event.detail > 1) return // a double click is one press
    const button = event.target.closest("[data-action]")
    if (button?.dataset.action === "change") attempt(this, () => openSharing("share", { share: this.dataset.share }))
    if (button?.dataset.action === "revoke") this.#revoke(button)
  }

  #revoke(button) {
    if (!this.#timer) {
      const words = button.lastChild
      const before = words.textContent
      words.textContent = "Revoke for good"
      this.#timer = setTimeout(() => {
        words.textContent = before
        this.#timer = null
      }, ASKED_MS)
      return
    }
    if (button.ariaDisabled === "true") return
    button.ariaDisabled = "true" // a disabled one would lose the keyboard's place
    const revoked = attempt(this, async () => {
      await remove(`/shares/${this.dataset.share}`)
      this.dataset.status = "revoked"
      slot(this, "status").hidden = false
      setText(slot(this, "status"), "Revoked")
      keepFocus(this.closest("ul"), () => this.querySelector(".share-row__tools").remove())
    })
    revoked.then(() => (button.ariaDisabled = null))
  }
}

customElements.define("share-row", ShareRow)
