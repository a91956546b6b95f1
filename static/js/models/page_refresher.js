// Keeps a page of one's pictures as it is now: told that something has changed, it asks for the page again, and the
// element takes over what is different. One question at a time, and none during a change of the element's own.
import { ChangeSocket } from "./change_socket.js"
import { parse } from "../rendering.js"

const ASK_AGAIN_MS = 5000

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
    const fresh = await this.#ask().catch(() => undefined)
    this.#asking = false
    if (fresh === undefined) setTimeout(() => this.#heard(), ASK_AGAIN_MS)
    else if (this.#changes) this.#isDue = true // the answer may be older than what is being changed
    else this.#take(fresh)
    this.#refresh()
  }

  async #ask() {
    const answer = await fetch(location.href)
    if (answer.status === 404) return null
    return answer.ok ? (parse(await answer.text()).querySelector(this.#element.localName) ?? undefined) : undefined
  }
}
