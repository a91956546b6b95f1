// Keeps a scrolling container at its end while the reader is there.
const NEAR_PX = 100 // within this distance of the end, the reader follows

export class ScrollFollower {
  #scroller
  #following = true
  #size = ""
  #checked = false
  #resize = new ResizeObserver(() => this.follow())

  /** `onEnd` is called on each scroll that leaves the reader at the end. */
  constructor(scroller, onEnd) {
    this.#scroller = scroller
    this.onEnd = onEnd
    scroller.addEventListener("scroll", this.onScroll, { passive: true })
  }

  /** Follows changes of the size of these elements. */
  observe(...elements) {
    elements.forEach((element) => this.#resize.observe(element))
  }

  disconnect() {
    this.#resize.disconnect()
  }

  get following() {
    return this.#following
  }

  /** Stops following, as the reader is taken elsewhere. */
  leave() {
    this.#following = false
  }

  /** Scrolls to the end where the reader follows. */
  follow() {
    if (this.#following) this.scrollToEnd()
  }

  scrollToEnd(behavior = "instant") {
    this.#following = true
    this.#size = this.#measure()
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior })
  }

  /**
   * Call before content is inserted: the reader may have scrolled without a scroll event so far. Measures once for the
   * events of a frame, as measuring costs a layout.
   */
  check() {
    if (!this.#following || this.#checked) return
    this.#checked = true
    queueMicrotask(() => (this.#checked = false))
    if (this.#size === this.#measure()) this.onScroll()
  }

  onScroll = () => {
    // A scroll event that comes with a change of size is not the reader's: the content or the container grew.
    if (this.#following && this.#size !== this.#measure()) return this.follow()
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    this.#following = scrollHeight - scrollTop - clientHeight <= NEAR_PX
    if (this.#following) this.onEnd()
  }

  #measure() {
    return `${this.#scroller.clientHeight} of ${this.#scroller.scrollHeight}`
  }
}
