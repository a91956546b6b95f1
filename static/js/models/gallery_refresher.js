// When the gallery asks what has changed: after each word of its connection, one question at a time, and none while
// the list is busy. One without an answer is asked again.
import { setFlag } from "../helpers/dom.js"
import { ChangeSocket } from "./change_socket.js"

export class GalleryRefresher {
  #listener
  #socket
  #isDue = false
  #asking = false

  /**
   * @param {HTMLElement} view the gallery
   * @param {object} listener `isBusy()`, `refresh()`, a promise of whether all that it takes was answered, and
   *   `askAgain(question)`
   */
  constructor(view, listener) {
    this.#listener = listener
    this.#socket = new ChangeSocket("/ws/gallery", {
      onEvents: (events) => events.length && this.heard(),
      onState: (live) => setFlag(view, "data-live", live),
    })
  }

  start() {
    this.#socket.start()
  }

  stop() {
    this.#socket.stop()
  }

  /** Something has changed. */
  heard() {
    this.#isDue = true
    this.whenFree()
  }

  /** Once the list is free: after what kept it busy. */
  later() {
    this.#isDue = true
  }

  /** Asks, where a question is due and nothing keeps it. */
  async whenFree() {
    if (!this.#isDue || this.#asking || this.#listener.isBusy()) return
    this.#isDue = false
    this.#asking = true
    const answered = await this.#listener.refresh().catch(() => false)
    this.#asking = false
    if (!answered) this.#listener.askAgain(() => this.heard())
    this.whenFree()
  }
}
