// <name-suggestion> around the fields `email` and `name`: while the name was not edited, it is made of the address, as
// the server does where it stays empty (chatserver/users/display_names.py).

export class NameSuggestion extends HTMLElement {
  #suggested = ""

  connectedCallback() {
    this.#field("email").addEventListener("input", this.onInput)
  }

  disconnectedCallback() {
    this.#field("email").removeEventListener("input", this.onInput)
  }

  onInput = ({ target }) => {
    const name = this.#field("name")
    if (name.value !== this.#suggested) return
    name.value = this.#suggested = nameOf(target.value)
  }

  #field(name) {
    return this.querySelector(`[name="${name}"]`)
  }
}

/** ada.lovelace+art@example.org → Ada Lovelace. */
export function nameOf(address) {
  const words = address.split("@")[0].split("+")[0].split(/[._\s-]+/)
  return words
    .filter(Boolean)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join(" ")
}

customElements.define("name-suggestion", NameSuggestion)
