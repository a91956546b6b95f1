// <presence-list>: the session's members, and who of them is here now.
import { slot, write } from "../helpers/dom.js"
import { initial } from "../helpers/text.js"
import { live } from "../live.js"

export class PresenceList extends HTMLElement {
  #off = []
  #here = new Set()

  connectedCallback() {
    this.#off = [
      live.on("session", ({ session }) => this.#seat(session.members)),
      live.on("presence", ({ users }) => this.#greet(users)),
    ]
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  #seat(members) {
    const list = slot(this, "list")
    const rows = members.map((member) => this.#row(member.id) ?? this.#newRow(member))
    for (const row of [...list.children]) if (!rows.includes(row)) row.remove()
    rows.forEach((row) => row.isConnected || list.append(row))
    this.#show()
  }

  #greet(users) {
    this.#here = new Set(users.map((user) => user.id))
    this.#show()
  }

  #show() {
    for (const row of this.querySelectorAll("[data-member]")) {
      const here = this.#here.has(row.dataset.member)
      row.dataset.online = here ? "yes" : "no"
      write(slot(row, "here"), here ? "here" : "away")
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
    slot(row, "farewell").setAttribute("aria-label", `Send ${name} away`)
    return row
  }
}

customElements.define("presence-list", PresenceList)
