// The prompt of a session that waits for credits. All tabs see it; its client_id makes the server create it only once.
import { readStored, writeStored } from "../helpers/storage.js"

/** Why another one has to wait. */
export const WAITS = "Another prompt waits for credits already. Edit or cancel it first."

export class DeferredPromptStore {
  #key

  constructor(session) {
    this.#key = `armed:${session}` // the name under which browsers have it stored
  }

  /** The fields of `generation.create`, with the composer's `settings` that they were made of; or null. */
  get value() {
    return readStored(this.#key)
  }

  /** Stores such fields; null deletes them. */
  set(request) {
    writeStored(this.#key, request)
  }
}
