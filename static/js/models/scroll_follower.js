// Keeps a scrolling container at its end while the reader is there.
const NEAR_PX = 100 // who comes down to within this distance of the end follows
// Who moves up leaves it: a reply that grows would pull back every small step of a trackpad or finger.
const AT_END_PX = 1

export class ScrollFollower {
  #scroller
  #following = true
  #size = ""
  #view = ""
  #top = 0
  #checked = false
  #gliding = false // on the way to the end: what is further away meanwhile is not left by the reader
  #resize = new ResizeObserver(() => this.follow())
  /** Before it has begun there is nothing to follow: what stands in its place is read from its top. */
  hasBegun = false

  /** `onMove` is called with how many screens the end is away, when the reader scrolls or the content grows. */
  constructor(scroller, onMove) {
    this.#scroller = scroller
    this.onMove = onMove
    scroller.addEventListener("scroll", this.onScroll, { passive: true })
    scroller.addEventListener("scrollend", this.#land, { passive: true })
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
    this.#following = this.#gliding = false
  }

  /** Follows again: the frame that shows what was just inserted also scrolls to it. Nothing is laid out before that. */
  join() {
    this.#following = true
  }

  /** Scrolls to the end where the reader follows. */
  follow() {
    if (!this.hasBegun) return
    if (this.#following) this.scrollToEnd()
    else this.#move()
  }

  scrollToEnd(behavior = "instant") {
    this.#following = true
    this.#gliding = behavior === "smooth"
    this.#size = this.#measure()
    this.#view = this.#viewport()
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior })
    this.#top = this.#scroller.scrollTop
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
    if (!this.hasBegun) return
    // A scroll event that comes with a change of size is not the reader's, unless it leads up while the view has kept
    // its size: when a view changes, the browser itself moves what is beyond the end up.
    const isUp = this.#scroller.scrollTop < this.#top && this.#view === this.#viewport()
    this.#top = this.#scroller.scrollTop
    if (this.#gliding && !isUp) return this.#move()
    this.#gliding = false
    if (this.#following && !isUp && this.#size !== this.#measure()) return this.follow()
    this.#following = this.#distance() <= (isUp ? AT_END_PX : NEAR_PX)
    this.#move()
  }

  // The reader may have stopped it halfway.
  #land = () => {
    if (!this.#gliding) return
    this.#gliding = false
    this.onScroll()
  }

  #move() {
    this.onMove(this.#distance() / this.#scroller.clientHeight)
  }

  #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    return scrollHeight - scrollTop - clientHeight
  }

  #viewport() {
    return `${this.#scroller.clientWidth} by ${this.#scroller.clientHeight}`
  }

  #measure() {
    return `${this.#viewport()} of ${this.#scroller.scrollHeight}`
  }
}
