// <modal-dialog><button data-open type="button">…</button><dialog class="dialog" aria-labelledby="…">…</dialog></modal-dialog>
// Opens its dialog above the page; [data-close], Esc and a press beside it close it, and focus goes back where it was.

export class ModalDialog extends HTMLElement {
  #opener = null

  connectedCallback() {
    this.addEventListener("click", this.press)
    this.dialog?.addEventListener("close", this.restore)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.press)
    this.dialog?.removeEventListener("close", this.restore)
  }

  get dialog() {
    return this.querySelector("dialog")
  }

  open() {
    this.#opener = document.activeElement
    this.dialog.showModal()
  }

  close() {
    this.dialog.close()
  }

  press = (event) => {
    if (event.target.closest("[data-open]")) this.open()
    else if (event.target.closest("[data-close]") || event.target === this.dialog) this.close()
  }

  restore = () => {
    this.#opener?.focus?.()
    this.#opener = null
  }
}

customElements.define("modal-dialog", ModalDialog)
