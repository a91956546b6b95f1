// <member-farewell>: asks before the owner sends a guest away, who then stays away, or a guest leaves.
import { call } from "../helpers/api.js"
import { slot, write } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"
import { live } from "../live.js"

export class MemberFarewell extends HTMLElement {
  #member = ""

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    document.addEventListener("click", this.press)
    slot(this, "form").addEventListener("submit", this.confirm)
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.press)
  }

  press = (event) => {
    const button = event.target.closest('[data-action="farewell"]')
    if (!button) return
    const row = button.closest("[data-member]")
    this.#member = row?.dataset.member ?? viewer()
    if (row) write(slot(this, "name"), slot(row, "name").textContent)
    this.#say("")
    this.dialog.showModal()
  }

  // The links first: whoever is out then finds no way back in.
  confirm = async (event) => {
    event.preventDefault()
    const session = document.querySelector("chat-room").dataset.session
    try {
      if (slot(this, "links")?.checked) await call("DELETE", `/sessions/${session}/invites`)
      await call("DELETE", `/sessions/${session}/members/${this.#member}`)
    } catch (error) {
      return this.#say(error.message)
    }
    if (this.#member === viewer()) return location.reload() // to the page that says so
    this.dialog.close()
    live.emit("toast", { kind: "farewell", words: `${isolate(slot(this, "name").textContent)} is out.` })
  }

  #say(problem) {
    slot(this, "problem").hidden = !problem
    write(slot(this, "problem"), problem)
  }
}

customElements.define("member-farewell", MemberFarewell)
