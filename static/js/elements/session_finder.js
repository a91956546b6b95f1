// <session-finder data-module>: opens the search over sessions, messages and actions (Ctrl+K), and does what was
// chosen. The dialog's own script is fetched when it is first opened; it has no part of this page's modules.
import { bus } from "../bus.js"

const UNREACHABLE = "The search cannot be opened right now. Please try again."

export class SessionFinder extends HTMLElement {
  #unsubscribe = null

  connectedCallback() {
    this.#unsubscribe = bus.on("find", () => this.#open())
    this.addEventListener("finder-choice", this.onChoice)
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.removeEventListener("finder-choice", this.onChoice)
  }

  // Open at once, so that what is typed meanwhile is in its field when the script has come.
  #open() {
    const template = this.querySelector(":scope > template")
    if (template) template.replaceWith(document.importNode(template.content, true))
    const [dialog, panel, field] = ["dialog", "finder-panel", "input"].map((name) => this.querySelector(name))
    if (dialog.open) return
    field.value = ""
    dialog.showModal()
    panel.show?.()
    import(this.dataset.module).catch(() => {
      dialog.close()
      bus.emit("toast", { kind: "finder", text: UNREACHABLE })
    })
  }

  onChoice = ({ detail: choice }) => {
    this.querySelector("dialog").close()
    this.#actions[choice]()
  }

  #actions = {
    image: () => bus.emit("compose", { mode: "image" }),
    video: () => bus.emit("compose", { mode: "video" }),
    invite: () => bus.emit("invite"),
    shortcuts: () => bus.emit("shortcuts"),
    light: () => bus.emit("theme", "light"),
    dark: () => bus.emit("theme", "dark"),
    system: () => bus.emit("theme", "system"),
    "sign-out": () => document.querySelector('form[action="/sign-out"]').requestSubmit(),
  }
}

customElements.define("session-finder", SessionFinder)
