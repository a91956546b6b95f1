// <copy-button data-text="…" or data-from="id of an element"><button type="button">Copy</button></copy-button>
// Copies a text and shows that on the button (in [data-label], where there is one) for two seconds.

const SHOWN_MS = 2000

export class CopyButton extends HTMLElement {
  #timer = null
  #label = ""

  connectedCallback() {
    this.addEventListener("click", this.onClick)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
  }

  onClick = async () => {
    try {
      await navigator.clipboard.writeText(this.#text())
      this.#show("Copied", "done")
    } catch {
      this.#show("Press Ctrl+C", "failed")
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

  #show(text, state) {
    const label = this.querySelector("[data-label]") ?? this.querySelector("button")
    if (!this.#timer) this.#label = label.textContent
    clearTimeout(this.#timer)
    label.textContent = text
    this.dataset.state = state
    this.#timer = setTimeout(() => {
      label.textContent = this.#label
      this.#timer = null
      delete this.dataset.state
    }, SHOWN_MS)
  }
}

// Two bundles of one page may have it.
if (!customElements.get("copy-button")) customElements.define("copy-button", CopyButton)
