// <presence-list>: the session's members, and which of them are online. The owner can remove guests.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { initial } from "../helpers/text.js"
import { socket } from "../socket.js"

export class PresenceList extends HTMLElement {
  #subscriptions = []
  #online = new Set()

  connectedCallback() {
    this.#subscriptions = [
      socket.on("session", ({ session }) => this.#setMembers(session.members)),
      socket.on("presence", ({ users }) => this.#setOnline(users)),
    ]
    this.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    const row = event.target.closest('[data-action="remove-member"]')?.closest("[data-member]")
    if (row) bus.emit("remove-member", { id: row.dataset.member, name: slot(row, "name").textContent })
  }

  /** The name of a member, or null for somebody who is not one. */
  nameOf(id) {
    const row = this.#row(id)
    return row && slot(row, "name").textContent
  }

  #setMembers(members) {
    const list = slot(this, "list")
    const rows = members.map((member) => this.#row(member.id) ?? this.#newRow(member))
    for (const row of [...list.children]) if (!rows.includes(row)) row.remove()
    const joined = rows.filter((row) => !row.isConnected)
    list.append(...joined)
    for (const row of joined) bus.emit("member-joined", { name: slot(row, "name").textContent })
    this.#show()
  }

  #setOnline(users) {
    this.#online = new Set(users.map((user) => user.id))
    this.#show()
  }

  #show() {
    for (const row of this.querySelectorAll("[data-member]")) {
      const online = this.#online.has(row.dataset.member)
      row.dataset.online = online ? "yes" : "no"
      setText(slot(row, "here"), online ? "here" : "away")
    }
  }

  #row(id) {
    return this.querySelector(`[data-member="${CSS.escape(id)}"]`)
  }

  #newRow({ id, name, role, hue }) {
    const row = document.importNode(document.getElementById("new_member").content, true).firstElementChild
    Object.assign(row.dataset, { member: id, role })
    slot(row, "initial").textContent = initial(name)
    slot(row, "initial").dataset.hue = hue
    slot(row, "name").textContent = name
    slot(row, "role").textContent = role
    slot(row, "remove").setAttribute("aria-label", `Send ${name} away`)
    return row
  }
}

customElements.define("presence-list", PresenceList)
