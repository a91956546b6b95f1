// <finder-panel>: the field and the list of the search. Sessions and messages are found by the server, actions here.
import { call } from "../helpers/api.js"
import { setText, slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"

const PAUSE_MS = 120 // between two keys of somebody who types
const STEPS = { ArrowDown: 1, ArrowUp: -1 }

class FinderPanel extends HTMLElement {
  #timer = null
  #asked = 0
  #walked = "" // the choice that the arrow keys have come to

  connectedCallback() {
    this.addEventListener("input", () => this.#search(PAUSE_MS))
    this.addEventListener("keydown", (event) => this.#onKeydown(event))
    this.addEventListener("click", (event) => this.#choose(event.target.closest("[role=option]"), event))
    this.show()
  }

  /** Shows what its field's words find: without any, the newest sessions and all actions. */
  show() {
    this.#search(0)
  }

  get #field() {
    return this.querySelector("input")
  }

  get #options() {
    return [...this.querySelectorAll("[role=option]")]
  }

  #search(pause) {
    const query = this.#field.value.trim()
    this.#walked = ""
    this.#fill("actions", this.#actions(query))
    this.#select(this.#options[0])
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ask(query), pause)
  }

  // Only the newest question's answer is shown.
  async #ask(query) {
    const asked = ++this.#asked
    const found = await call("GET", `/search?q=${encodeURIComponent(query)}`).catch((error) => ({ error }))
    if (asked !== this.#asked) return
    const { sessions = [], messages = [], error } = found
    this.#fill("sessions", sessions.map((each) => this.#session(each)))
    this.#fill("messages", messages.map((each) => this.#message(each)))
    const options = this.#options
    this.#select(options.find(({ dataset: { choice } }) => choice === this.#walked) ?? options[0])
    const none = options.length ? "" : "Nothing has all of these words."
    setText(slot(this, "none"), error ? error.message : none)
  }

  #session({ id, title, status }) {
    return this.#option(`/sessions/${id}`, title, status === "expired" ? "ended" : "")
  }

  #message({ id, session_id: session, session_title: title, excerpt }) {
    return this.#option(`/sessions/${session}#message_${id}`, excerpt, title)
  }

  #option(address, words, note) {
    const option = document.importNode(slot(this, "option").content, true).firstElementChild
    option.dataset.choice = address
    setText(slot(option, "words"), words)
    setText(slot(option, "note"), note)
    return option
  }

  #actions(query) {
    const words = query.toLocaleLowerCase().split(/\s+/)
    const all = [...document.importNode(slot(this, "choices").content, true).children]
    return all.filter((option) => {
      const text = `${option.textContent} ${option.dataset.more}`.toLocaleLowerCase()
      return words.every((word) => text.includes(word))
    })
  }

  #fill(name, options) {
    const group = slot(this, name)
    group.querySelectorAll("[role=option]").forEach((option) => option.remove())
    group.append(...options)
    group.hidden = options.length === 0
    this.#options.forEach((option, index) => (option.id = `finder-option-${index}`))
  }

  #select(option) {
    for (const each of this.#options) each.setAttribute("aria-selected", String(each === option))
    this.#field.setAttribute("aria-activedescendant", option?.id ?? "")
    option?.scrollIntoView({ block: "nearest" })
  }

  #onKeydown(event) {
    if (isComposing(event)) return
    const selected = this.querySelector('[aria-selected="true"]')
    if (event.key === "Enter") this.#choose(selected, event)
    if (!(event.key in STEPS)) return
    event.preventDefault()
    const options = this.#options
    const option = options.at((options.indexOf(selected) + STEPS[event.key]) % options.length)
    this.#walked = option?.dataset.choice
    this.#select(option)
  }

  #choose(option, event) {
    if (!option) return
    event.preventDefault()
    const { choice } = option.dataset
    if (!choice.startsWith("/")) this.dispatchEvent(new CustomEvent("finder-choice", { detail: choice, bubbles: true }))
    else if (event.ctrlKey || event.metaKey) open(choice)
    else this.#visit(choice)
  }

  #visit(address) {
    this.closest("dialog").close()
    location.assign(address)
  }
}

customElements.define("finder-panel", FinderPanel)
