// <removed-list>: the guests whom the owner has removed, shown in the invite dialog, where they can be readmitted.
import { call, remove } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { keepFocus } from "../helpers/focus.js"
import { isolate } from "../helpers/text.js"

export class RemovedList extends HTMLElement {
  connectedCallback() {
    document.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    if (event.target.closest('[data-action="invite"]')) this.#show()
    const button = event.target.closest('[data-action="readmit"]')
    if (button) this.#readmit(button)
  }

  async #show() {
    const { removals } = await call("GET", `${location.pathname}/removals`).catch(() => ({ removals: [] }))
    slot(this, "list").replaceChildren(...removals.map((person) => this.#row(person)))
    setText(slot(this, "done"), "")
    this.hidden = !removals.length
  }

  async #readmit(button) {
    const row = button.closest("[data-person]")
    const name = slot(row, "name").textContent
    if (button.ariaDisabled === "true") return // readmitted once
    button.ariaDisabled = "true"
    try {
      await remove(`${location.pathname}/removals/${row.dataset.person}`)
    } catch (error) {
      button.ariaDisabled = null
      return setText(slot(this, "done"), error.message)
    }
    keepFocus(this, () => row.remove())
    setText(slot(this, "done"), `${isolate(name)} may come in again by the invite link.`)
  }

  #row({ id, name }) {
    const row = document.importNode(slot(this, "row").content, true).firstElementChild
    row.dataset.person = id
    setText(slot(row, "name"), name)
    setText(slot(row, "whom"), `: ${name}`)
    return row
  }
}

customElements.define("removed-list", RemovedList)
