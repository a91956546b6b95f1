// <password-field> around a field and <button type="button" hidden data-shown="Hide">Show…</button>: shows and hides
// the password. It is hidden again when the form is submitted, so that browsers store it as a password.

export class PasswordField extends HTMLElement {
  connectedCallback() {
    this.#label = this.button.firstChild.data
    this.button.hidden = false
    this.button.addEventListener("click", this.onClick)
    this.input.form?.addEventListener("submit", this.hide)
  }

  disconnectedCallback() {
    this.button.removeEventListener("click", this.onClick)
    this.input.form?.removeEventListener("submit", this.hide)
  }

  get button() {
    return this.querySelector("button")
  }

  get input() {
    return this.querySelector("input")
  }

  onClick = () => {
    this.#show(this.input.type === "password")
    this.input.focus()
  }

  hide = () => this.#show(false)

  #label = ""

  #show(shown) {
    this.input.type = shown ? "text" : "password"
    this.button.firstChild.data = shown ? this.button.dataset.shown : this.#label
  }
}

customElements.define("password-field", PasswordField)
