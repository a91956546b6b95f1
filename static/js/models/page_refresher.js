// Keeps a page of one's pictures as it is now: told that something has changed, it asks for the page again, and the
// element takes over what is different. One question at a time, and none during a change of the element's own.
import { ASK_AGAIN_MS, fetchText } from "../helpers/fetching.js"
import { parse } from "../rendering.js"
import { ChangeSocket } from "./change_socket.js"

export class PageRefresher {
  #element
  #take
  #socket
  #changes = 0
  #isDue = false
  #asking = false

  /**
   * @param {HTMLElement} element of which there is one in the page
   * @param {(fresh: HTMLElement | null) => void} take called with the element as it is drawn now; null where it is gone
   *   or is not shown any more to who reads this
   */
  constructor(element, take) {
    this.#element = element
    this.#take = take
    this.#socket = new ChangeSocket("/ws/gallery", {
      onEvents: (events) => events.length && this.#heard(),
      onState: (live) => element.toggleAttribute("data-live", live),
    })
  }

  start() {
    this.#socket.start()
  }

  stop() {
    this.#socket.stop()
  }

  /** Runs a change of the element's own, during which nothing is taken over. */
  async during(change) {
    this.#changes += 1
    try {
      await change()
    } finally {
      this.#changes -= 1
      this.#refresh()
    }
  }

  #heard() {
    this.#isDue = true
    this.#refresh()
  }

  async #refresh() {
    if (!this.#isDue || this.#asking || this.#changes) return
    this.#isDue = false
    this.#asking = true
    const { text, again = ASK_AGAIN_MS } = await fetchText(location.href)
    const fresh = text && parse(text).querySelector(this.#element.localName)
    this.#asking = false
    if (again && !fresh) setTimeout(() => this.#heard(), again)
    else if (this.#changes) this.#isDue = true // the answer may be older than what is being changed
    else this.#take(fresh)
    this.#refresh()
  }
}
