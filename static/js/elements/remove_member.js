// <remove-member>: the dialog that asks before the owner removes a guest, or a guest leaves the session.
import { bus } from "../bus.js"
import { remove } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { isolate } from "../helpers/text.js"
import { viewer } from "../helpers/viewer.js"

export class RemoveMember extends HTMLElement {
  #unsubscribe = null
  #member = null // whom the dialog asks about
  #sent = new Set() // the ids of those whose removal is on its way

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

  // Until the answers are here, the dialog may have been closed, and be asking about somebody else.
  onSubmit = async (event) => {
    event.preventDefault()
    const member = this.#member
    if (this.#sent.has(member.id)) return
    this.#sent.add(member.id)
    const error = await this.#remove(member.id).catch((problem) => problem)
    this.#sent.delete(member.id)
    const isShown = member === this.#member && this.dialog.open
    if (error && isShown) return this.#showProblem(error.message)
    if (error) return bus.emit("toast", { kind: "remove-member", text: error.message, problem: true })
    if (member.id === viewer()) return location.reload() // the server then shows that one has left
    if (isShown) this.dialog.close()
    bus.emit("toast", { kind: "remove-member", text: `${isolate(member.name)} is out.` })
  }

  // The invite link first: otherwise a removed guest could come back through it.
  async #remove(id) {
    const { session } = document.querySelector("chat-room").dataset
    if (slot(this, "links")?.checked) await remove(`/sessions/${session}/invites`)
    await remove(`/sessions/${session}/members/${id}`)
  }

  #open(member) {
    this.#member = member
    if (member.name) setText(slot(this, "name"), member.name)
    this.#showProblem("")
    this.dialog.showModal()
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }
}

customElements.define("remove-member", RemoveMember)
