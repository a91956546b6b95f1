// <file-drop data-most="bytes"> around <input type="file"> in a form: takes a dropped or pasted file and sends the form
// at once; a file that is too large is refused before. Without JavaScript the field and the button do the same.

export class FileDrop extends HTMLElement {
  connectedCallback() {
    this.querySelector("[data-hint]").hidden = false
    this.addEventListener("change", this.onChange)
    document.addEventListener("dragover", this.onDragOver)
    document.addEventListener("dragleave", this.onDragLeave)
    document.addEventListener("drop", this.onDrop)
    document.addEventListener("paste", this.onPaste)
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.onChange)
    document.removeEventListener("dragover", this.onDragOver)
    document.removeEventListener("dragleave", this.onDragLeave)
    document.removeEventListener("drop", this.onDrop)
    document.removeEventListener("paste", this.onPaste)
  }

  get input() {
    return this.querySelector("input")
  }

  onChange = () => {
    const file = this.input.files[0]
    const tooLarge = file !== undefined && file.size > Number(this.dataset.most)
    this.querySelector("[data-too-large]").hidden = !tooLarge
    if (tooLarge) this.input.value = ""
  }

  onDragOver = (event) => {
    if (!event.dataTransfer.types.includes("Files")) return
    event.preventDefault()
    this.toggleAttribute("data-over", true)
  }

  onDragLeave = (event) => {
    if (event.relatedTarget === null) this.toggleAttribute("data-over", false)
  }

  onDrop = (event) => {
    this.toggleAttribute("data-over", false)
    if (event.dataTransfer.files.length === 0) return
    event.preventDefault()
    this.#take(event.dataTransfer.files)
  }

  onPaste = (event) => {
    if (event.clipboardData.files.length > 0) this.#take(event.clipboardData.files)
  }

  #take(files) {
    this.input.files = files
    this.onChange()
    if (this.input.files.length > 0) this.input.form.requestSubmit()
  }
}

customElements.define("file-drop", FileDrop)
