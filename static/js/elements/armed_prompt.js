// <armed-prompt>: a wish that waits for its credits and runs by itself as soon as enough are back.
import { slot, write } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { isolate, shorten } from "../helpers/text.js"
import { countdown, everySecond, secondsUntil } from "../helpers/time.js"
import { live } from "../live.js"
import { Armed } from "../models/armed.js"
import { drawnBalances } from "../models/balances.js"

export class ArmedPrompt extends HTMLElement {
  #off = []
  #armed = null
  #balances = {}

  connectedCallback() {
    this.#armed = new Armed(this.closest("chat-room").dataset.session)
    this.#balances = drawnBalances()
    this.#off = [
      live.on("credits", (event) => this.#learn(event)),
      live.on("state", () => this.#run()),
      live.on("arm", (wanted) => this.#set({ client_id: newId(), ...wanted })),
      everySecond(() => this.#show()),
    ]
    this.addEventListener("click", this.press)
    this.#show()
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
    this.removeEventListener("click", this.press)
  }

  press = (event) => {
    if (event.target.closest('[data-action="disarm"]')) this.#set(null)
  }

  #set(wanted) {
    this.#armed.set(wanted)
    this.#show()
  }

  #learn(balances) {
    this.#balances = balances
    this.#run()
  }

  #run() {
    const wanted = this.#armed.value
    if (!wanted || live.state !== "live" || this.#balances[wanted.kind].left < wanted.count) return
    this.#set(null)
    live.emit("ran", wanted)
    live.send("generation.create", wanted).catch(() => {}) // the composer shows a refusal
  }

  #show() {
    const wanted = this.#armed.value
    this.hidden = !wanted
    if (wanted) write(slot(this, "words"), this.#words(wanted))
  }

  #words({ kind, count, prompt }) {
    const next = this.#balances[kind].next_at
    const when = next ? ` · next credit in ${countdown(secondsUntil(next))}` : ""
    const enough = count === 1 ? "a credit is" : `${count} credits are`
    return `“${isolate(shorten(prompt, 40))}” runs by itself when ${enough} back${when}.`
  }
}

customElements.define("armed-prompt", ArmedPrompt)
