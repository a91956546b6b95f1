// <deletable-item data-path="/generations/…">: something of a list that can be deleted, and taken back for five seconds.
import { call } from "../helpers/api.js"
import { mark, slot, write } from "../helpers/dom.js"
import { unlessUndone } from "../helpers/undo.js"

export class DeletableItem extends HTMLElement {
  #undo = null

  connectedCallback() {
    this.addEventListener("click", this.press)
  }

  press = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "delete") this.#leave()
    if (action === "undo") this.#stay()
  }

  #leave() {
    write(slot(this, "leaving"), "Deleted.")
    mark(this, "data-local-leaving", true)
    this.querySelector('[data-action="undo"]').focus()
    this.#undo = unlessUndone(this.#gone)
  }

  #stay() {
    this.#undo()
    mark(this, "data-local-leaving", false)
    this.querySelector('[data-action="delete"]').focus()
  }

  #gone = async () => {
    try {
      await call("DELETE", this.dataset.path, undefined, { keepalive: true })
      this.closest("li").remove()
    } catch (error) {
      write(slot(this, "leaving"), error.message)
    }
  }
}

customElements.define("deletable-item", DeletableItem)
