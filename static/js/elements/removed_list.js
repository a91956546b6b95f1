// <removed-list>: whom the owner has sent away, in the dialog of the invite link, and the way to let them back in.
import { call } from "../helpers/api.js"
import { slot, write } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"

export class RemovedList extends HTMLElement {
  connectedCallback() {
    document.addEventListener("click", this.press)
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.press)
  }

  press = (event) => {
    if (event.target.closest('[data-action="invite"]')) this.show()
    const button = event.target.closest('[data-action="let-back"]')
    if (button) this.letBack(button.closest("[data-person]"))
  }

  async show() {
    const { removals } = await call("GET", `${location.pathname}/removals`).catch(() => ({ removals: [] }))
    slot(this, "list").replaceChildren(...removals.map((person) => this.#row(person)))
    write(slot(this, "done"), "")
    this.hidden = !removals.length
  }

  async letBack(row) {
    const name = slot(row, "name").textContent
    try {
      await call("DELETE", `${location.pathname}/removals/${row.dataset.person}`)
    } catch (error) {
      return write(slot(this, "done"), error.message)
    }
    row.remove()
    write(slot(this, "done"), `${isolate(name)} may come in again by the invite link.`)
  }

  #row({ id, name }) {
    const row = document.importNode(slot(this, "row").content, true).firstElementChild
    row.dataset.person = id
    write(slot(row, "name"), name)
    write(slot(row, "whom"), `: ${name}`)
    return row
  }
}

customElements.define("removed-list", RemovedList)
