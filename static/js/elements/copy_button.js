// <copy-button data-text="…" or data-from="id of an element"><button type="button">Copy</button></copy-button>
// Copies, and says so on the button ([data-label], where there is one) for two seconds.

const SAID_MS = 2000

export class CopyButton extends HTMLElement {
  #timer = null
  #words = ""

  connectedCallback() {
    this.addEventListener("click", this.copy)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.copy)
    clearTimeout(this.#timer)
  }

  copy = async () => {
    try {
      await navigator.clipboard.writeText(this.#text())
      this.#say("Copied", "done")
    } catch {
      this.#say("Press Ctrl+C", "failed")
      this.#select()
    }
  }

  #text() {
    const source = this.#source()
    return this.dataset.text ?? source?.value ?? source?.textContent ?? ""
  }

  #source() {
    return this.dataset.from ? document.getElementById(this.dataset.from) : null
  }

  #select() {
    const source = this.#source()
    if (source instanceof HTMLInputElement) source.select()
    else if (source) getSelection().selectAllChildren(source)
  }

  #say(words, state) {
    const label = this.querySelector("[data-label]") ?? this.querySelector("button")
    if (!this.#timer) this.#words = label.textContent
    clearTimeout(this.#timer)
    label.textContent = words
    this.dataset.state = state
    this.#timer = setTimeout(() => {
      label.textContent = this.#words
      this.#timer = null
      delete this.dataset.state
    }, SAID_MS)
  }
}

customElements.define("copy-button", CopyButton)
