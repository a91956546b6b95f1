// A wish that runs by itself when its credits are back. Every tab sees it; its client_id lets only one of them count.
import { keep, recall } from "../helpers/storage.js"

export class Armed {
  #key

  constructor(session) {
    this.#key = `armed:${session}`
  }

  get value() {
    return recall(this.#key)
  }

  set(wish) {
    keep(this.#key, wish)
  }
}
