// <theme-switch role="radiogroup"> with buttons [data-theme-choice="system|light|dark"]: the choice is stored in
// a plain cookie, so that the server renders the next page with it.
import { bus } from "../bus.js"
import { isComposing } from "../helpers/keys.js"

const YEAR_SECONDS = 31_536_000
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }

export class ThemeSwitch extends HTMLElement {
  #unsubscribe = null

  connectedCallback() {
    this.#unsubscribe = bus.on("theme", (theme) => this.#choose(theme))
    this.hidden = false
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    this.show(document.documentElement.dataset.theme)
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.removeEventListener("click", this.onClick)
    this.removeEventListener("keydown", this.onKeydown)
  }

  onClick = (event) => {
    const choice = event.target.closest("[data-theme-choice]")?.dataset.themeChoice
    if (choice) this.#choose(choice)
  }

  onKeydown = (event) => {
    if (!(event.key in STEPS) || isComposing(event)) return
    event.preventDefault()
    const index = this.#buttons.indexOf(document.activeElement) + STEPS[event.key]
    const next = this.#buttons.at(index % this.#buttons.length)
    next.focus()
    this.#choose(next.dataset.themeChoice)
  }

  #choose(theme) {
    const secure = location.protocol === "https:" ? "; Secure" : ""
    document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax${secure}`
    document.documentElement.dataset.theme = theme
    document.querySelectorAll("theme-switch").forEach((each) => each.show(theme))
  }

  get #buttons() {
    return [...this.querySelectorAll("[data-theme-choice]")]
  }

  /** Shows a theme as the chosen one. */
  show(theme) {
    for (const button of this.#buttons) {
      const chosen = button.dataset.themeChoice === theme
      button.setAttribute("aria-checked", String(chosen))
      button.tabIndex = chosen ? 0 : -1
    }
  }
}

customElements.define("theme-switch", ThemeSwitch)
