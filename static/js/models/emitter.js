// A typed event emitter: listeners by event type.
import { callEach } from "../helpers/listeners.js"

export class Emitter {
  #listeners = new Map()

  /**
   * Calls `listener` with each event of this type.
   * @param {string} type
   * @param {(event: any) => void} listener
   * @returns {() => void} a function that unsubscribes
   */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
    this.#listeners.get(type).add(listener)
    return () => this.#listeners.get(type).delete(listener)
  }

  /** Delivers an event to all listeners of its type; a listener that throws does not stop the others. */
  emit(type, event) {
    callEach(this.#listeners.get(type) ?? [], event)
  }
}
