// <deferred-prompt>: a prompt that waits for credits and is sent as soon as there are enough.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { everySecond } from "../helpers/time.js"
import { renderedBalances, timeOfCredits } from "../models/balances.js"
import { DeferredPromptStore } from "../models/deferred_prompt_store.js"
import { socket } from "../socket.js"

export class DeferredPrompt extends HTMLElement {
  #subscriptions = []
  #store = null
  #balances = {}

  connectedCallback() {
    this.#store = new DeferredPromptStore(this.closest("chat-room").dataset.session)
    this.#balances = renderedBalances()
    this.#subscriptions = [
      socket.on("credits", (balances) => this.#setBalances(balances)),
      bus.on("connection-state", () => this.#sendWhenPossible()),
      bus.on("defer-prompt", (request) => this.#set({ client_id: newId(), ...request })),
      everySecond(() => this.#show()),
    ]
    this.addEventListener("click", this.onClick)
    this.#show()
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.removeEventListener("click", this.onClick)
  }

  onClick = (event) => {
    const action = event.target.closest("[data-action]")?.dataset.action
    if (action === "edit-deferred") this.#edit()
    if (action === "cancel-deferred") this.#cancel()
  }

  // What was pressed is gone: the keyboard goes on in the text.
  #cancel() {
    this.#set(null)
    bus.emit("compose", { mode: null })
  }

  // Another tab may have sent or cancelled it in the last second.
  #edit() {
    const { kind, prompt, settings } = this.#store.value ?? {}
    if (!kind) return this.#show()
    this.#set(null)
    bus.emit("compose", { mode: kind, text: prompt, settings })
  }

  #set(request) {
    this.#store.set(request)
    this.#show()
    bus.emit("deferred-prompt-changed", request)
  }

  #setBalances(balances) {
    this.#balances = balances
    this.#sendWhenPossible()
    this.#show()
  }

  #sendWhenPossible() {
    const request = this.#store.value
    if (!request || socket.state !== "live" || this.#balances[request.kind].left < request.count) return
    this.#set(null)
    const { settings, ...fields } = request // the settings are for editing
    socket.send("generation.create", fields).catch(() => {}) // the composer shows a refusal
  }

  #show() {
    const request = this.#store.value
    this.hidden = !request
    if (request) setText(slot(this, "words"), this.#describe(request))
  }

  #describe({ kind, count, prompt }) {
    const time = timeOfCredits(this.#balances[kind], count)
    const enough = count === 1 ? "a credit is" : `${count} credits are`
    return `${time ? `Runs at ${time}` : `Runs when ${enough} back`} · ${prompt}`
  }
}

customElements.define("deferred-prompt", DeferredPrompt)
