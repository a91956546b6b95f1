// The gallery's place in its address: the picture on top, so that Back and a reload lead there, and the month of it.
const PLACE_AFTER_MS = 250

export class GalleryAddress {
  #view
  #place
  #placing = null

  /**
   * @param {HTMLElement} view the gallery, whose `data-query` are its filters
   * @param {() => {top: HTMLElement, isNewest: boolean} | null} place the picture on top, if there is one
   */
  constructor(view, place) {
    this.#view = view
    this.#place = place
  }

  start() {
    addEventListener("scroll", this.#onScroll, { passive: true })
  }

  stop() {
    removeEventListener("scroll", this.#onScroll)
  }

  /** Shows the picture of the address on top; newer ones are loaded above it. */
  static scrollToPlace(list) {
    const given = new URLSearchParams(location.search)
    if (!["at", "month", "before"].some((name) => given.has(name))) return
    history.scrollRestoration = "manual"
    requestAnimationFrame(() => list.querySelector(".shots__day")?.scrollIntoView())
  }

  #onScroll = () => {
    clearTimeout(this.#placing)
    this.#placing = setTimeout(() => this.#tell(), PLACE_AFTER_MS)
  }

  #tell() {
    const place = this.#place()
    if (!place) return
    const query = new URLSearchParams(this.#view.dataset.query)
    if (!place.isNewest || scrollY > innerHeight) query.set("at", place.top.dataset.asset)
    const address = query.size ? `/gallery?${query}` : "/gallery"
    history.replaceState(history.state, "", address)
    this.#showMonth(place.top.dataset.day.slice(0, 7))
  }

  #showMonth(month) {
    for (const link of this.#view.querySelectorAll("[data-span]")) {
      if (month.startsWith(link.dataset.span)) link.setAttribute("aria-current", "true")
      else link.removeAttribute("aria-current")
    }
  }
}
