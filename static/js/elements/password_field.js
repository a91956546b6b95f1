// <password-field> around a field and <button type="button" hidden data-shown="Hide">Show…</button>: shows and hides what
// is typed. It is hidden again when the form is sent, so that browsers keep it as a password.

export class PasswordField extends HTMLElement {
  connectedCallback() {
    this.#words = this.button.firstChild.data
    this.button.hidden = false
    this.button.addEventListener("click", this.toggle)
    this.input.form?.addEventListener("submit", this.hide)
  }

  disconnectedCallback() {
    this.button.removeEventListener("click", this.toggle)
    this.input.form?.removeEventListener("submit", this.hide)
  }

  get button() {
    return this.querySelector("button")
  }

  get input() {
    return this.querySelector("input")
  }

  toggle = () => {
    this.#show(this.input.type === "password")
    this.input.focus()
  }

  hide = () => this.#show(false)

  #words = ""

  #show(shown) {
    this.input.type = shown ? "text" : "password"
    this.button.firstChild.data = shown ? this.button.dataset.shown : this.#words
  }
}

customElements.define("password-field", PasswordField)
