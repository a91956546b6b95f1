// <remove-member>: the dialog that asks before the owner removes a guest, or a guest leaves the session.
import { bus } from "../bus.js"
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"

export class RemoveMember extends HTMLElement {
  #unsubscribe = null
  #member = ""

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.#unsubscribe = bus.on("remove-member", (member) => this.#open(member))
    document.addEventListener("click", this.onClick)
    slot(this, "form").addEventListener("submit", this.onSubmit)
  }

  disconnectedCallback() {
    this.#unsubscribe()
    document.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    if (event.target.closest('[data-action="leave-session"]')) this.#open({ id: viewer(), name: "" })
  }

  // The invite link first: otherwise a removed guest could come back through it.
  onSubmit = async (event) => {
    event.preventDefault()
    const { session } = document.querySelector("chat-room").dataset
    try {
      if (slot(this, "links")?.checked) await call("DELETE", `/sessions/${session}/invites`)
      await call("DELETE", `/sessions/${session}/members/${this.#member}`)
    } catch (error) {
      return this.#showProblem(error.message)
    }
    if (this.#member === viewer()) return location.reload() // the server then shows that one has left
    this.dialog.close()
    bus.emit("toast", { kind: "remove-member", text: `${isolate(slot(this, "name").textContent)} is out.` })
  }

  #open({ id, name }) {
    this.#member = id
    if (name) setText(slot(this, "name"), name)
    this.#showProblem("")
    this.dialog.showModal()
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }
}

customElements.define("remove-member", RemoveMember)
