// <deletable-item data-path="/generations/…">: an item of a list that can be deleted; the deletion can be undone for
// five seconds.
import { removeLeaving } from "../helpers/deletions.js"
import { setFlag, slot, setText } from "../helpers/dom.js"
import { keepFocus } from "../helpers/focus.js"
import { afterUndoPeriod } from "../helpers/undo.js"

export class DeletableItem extends HTMLElement {
  #cancelDeletion = null

  connectedCallback() {
    this.addEventListener("click", this.onClick)
  }

  onClick = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "delete") this.#delete()
    if (action === "undo") this.#undoDeletion()
  }

  #delete() {
    setText(slot(this, "leaving"), "Deleted.")
    setFlag(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  #undoDeletion() {
    this.#cancelDeletion()
    setFlag(this, "data-local-leaving", false)
    this.querySelector('[data-action="delete"]').focus()
  }

  // It cannot be undone any more, however long the answer takes.
  #sendDeletion = async () => {
    const undo = this.querySelector('[data-action="undo"]')
    keepFocus(this.closest("li"), () => (undo.hidden = true))
    try {
      await removeLeaving(this.dataset.path)
      this.closest("li").remove()
    } catch (error) {
      undo.hidden = false
      setText(slot(this, "leaving"), error.message)
    }
  }
}

customElements.define("deletable-item", DeletableItem)
