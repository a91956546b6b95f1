// <deferred-prompt>: a prompt that waits for credits and is sent as soon as there are enough.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { isolate, truncate } from "../helpers/text.js"
import { everySecond, formatCountdown, secondsUntil } from "../helpers/time.js"
import { renderedBalances } from "../models/balances.js"
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
    if (event.target.closest('[data-action="cancel-deferred"]')) this.#set(null)
  }

  #set(request) {
    this.#store.set(request)
    this.#show()
  }

  #setBalances(balances) {
    this.#balances = balances
    this.#sendWhenPossible()
  }

  #sendWhenPossible() {
    const request = this.#store.value
    if (!request || socket.state !== "live" || this.#balances[request.kind].left < request.count) return
    this.#set(null)
    bus.emit("deferred-prompt-sent", request)
    socket.send("generation.create", request).catch(() => {}) // the composer shows a refusal
  }

  #show() {
    const request = this.#store.value
    this.hidden = !request
    if (request) setText(slot(this, "words"), this.#describe(request))
  }

  #describe({ kind, count, prompt }) {
    const next = this.#balances[kind].next_at
    const when = next ? ` · next credit in ${formatCountdown(secondsUntil(next))}` : ""
    const enough = count === 1 ? "a credit is" : `${count} credits are`
    return `“${isolate(truncate(prompt, 40))}” runs by itself when ${enough} back${when}.`
  }
}

customElements.define("deferred-prompt", DeferredPrompt)
