// <invite-panel>: the session's invite link with its QR code, and the switch that lets guests generate.
import { bus } from "../bus.js"
import { call } from "../helpers/api.js"
import { slot } from "../helpers/dom.js"
import { Turns } from "../models/turns.js"
import { socket } from "../socket.js"

export class InvitePanel extends HTMLElement {
  #subscriptions = []
  #turns = new Turns()
  #allowed = false // whether guests may generate, as the server has it

  connectedCallback() {
    this.dialog = this.querySelector("dialog")
    this.#allowed = slot(this, "guests").defaultChecked
    this.#subscriptions = [
      socket.on("session", ({ session }) => {
        this.#allowed = slot(this, "guests").checked = session.guests_may_generate
      }),
      bus.on("invite", () => this.#open()),
    ]
    document.addEventListener("click", this.onClick)
    this.addEventListener("change", this.onChange)
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    document.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    if (event.target.closest('[data-action="invite"]')) this.#open()
  }

  async #open() {
    this.dialog.showModal()
    const invite = await this.#update({})
    if (!invite) return
    slot(this, "url").value = invite.url
    const code = slot(this, "code")
    code.src = `${location.pathname}/invite.svg`
    code.hidden = false
  }

  onChange = async ({ target: box }) => {
    const wanted = box.checked
    const taken = await this.#turns.take(() => this.#update({ guests_may_generate: wanted }))
    if (taken) this.#allowed = wanted
    else if (!this.#turns.isBusy) box.checked = this.#allowed
  }

  async #update(fields) {
    const problem = slot(this, "problem")
    problem.hidden = true
    try {
      return await call("POST", `${location.pathname}/invites`, fields)
    } catch (error) {
      problem.textContent = error.message
      problem.hidden = false
      return null
    }
  }
}

customElements.define("invite-panel", InvitePanel)
