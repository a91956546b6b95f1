// What is selected in the gallery, and what is done with it: its bar, the marks on the pictures, and the one that the
// Tab key leads to.
import { setFlag, setText, slot } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { markFavorites } from "../helpers/gallery_favorites.js"
import { openSharing } from "../helpers/sharing.js"
import { PictureSelection } from "./picture_selection.js"

export class GallerySelector {
  #view
  #counts
  #listener
  #selection
  #anchor = null // the id from which a range is selected
  #allAsked = 0 // for all to be selected; a selection that ends since drops the answer

  /**
   * @param {HTMLElement} view the gallery
   * @param {PictureCounts} counts how many pictures there are in all
   * @param {object} listener `pictures()`, those that are shown; `leaving()`, the ids of those that are being deleted;
   *   and `say(text, problem)`
   */
  constructor(view, counts, listener) {
    this.#view = view
    this.#counts = counts
    this.#listener = listener
    this.#selection = new PictureSelection(() => this.show(), history.state?.selected)
  }

  get ids() {
    return this.#selection.ids
  }

  get size() {
    return this.#selection.size
  }

  /** Shows what was fetched as it is selected; the first picture is the stop of the Tab key. */
  adopt() {
    const pictures = this.#listener.pictures()
    if (!pictures.some((each) => each.hasAttribute("data-stop"))) this.makeStop(pictures[0])
    this.show()
  }

  makeStop(picture) {
    for (const each of this.#view.querySelectorAll("gallery-picture")) {
      setFlag(each, "data-stop", each === picture)
      each.link.tabIndex = each === picture ? 0 : -1
    }
  }

  show() {
    const { size, ids } = this.#selection
    history.replaceState({ ...history.state, selected: ids }, "")
    for (const picture of this.#listener.pictures()) {
      const on = this.#selection.has(picture.dataset.asset)
      if (picture.selected !== on) picture.selected = on
    }
    setFlag(this.#view, "data-selecting", size > 0)
    this.#showBar(size)
  }

  #showBar(size) {
    const bar = slot(this.#view, "selection")
    const focused = document.activeElement
    bar.hidden = size === 0
    setText(slot(bar, "count"), `${size.toLocaleString()} selected`)
    const leaving = this.#listener.leaving()
    this.#counts.show(leaving)
    const total = this.#counts.total - leaving.size
    setText(slot(bar, "all"), `Select all ${total.toLocaleString()}`)
    slot(bar, "all").hidden = size >= total
    bar.querySelector('[data-action="compare"]').hidden = size !== 2
    if (bar.contains(focused) && !focused.checkVisibility()) this.#keepFocus(bar)
  }

  // The button that had it is hidden: with all of the bar it goes back to the pictures.
  #keepFocus(bar) {
    const pictures = this.#listener.pictures()
    const picture = pictures.find((each) => each.hasAttribute("data-stop")) ?? pictures[0]
    const next = bar.hidden ? picture?.link : bar.querySelector('[data-action="clear"]')
    next?.focus({ preventScroll: true })
  }

  /** Selects a picture, or no longer; with `range` all from the last one to it. */
  toggle(picture, range) {
    const pictures = this.#listener.pictures()
    const on = !picture.selected
    const from = range ? pictures.findIndex((each) => each.dataset.asset === this.#anchor) : -1
    const to = pictures.indexOf(picture)
    this.#anchor = picture.dataset.asset
    if (from < 0) return this.#selection.set([picture.dataset.asset], on)
    const between = pictures.slice(Math.min(from, to), Math.max(from, to) + 1)
    this.#selection.set(between.map((each) => each.dataset.asset), true)
  }

  async selectAll() {
    const asked = ++this.#allAsked
    const { text } = await fetchText(`/gallery/ids?${this.#view.dataset.query}`)
    if (asked !== this.#allAsked) return
    if (!text) return this.#listener.say("That did not work. Please try again.", true)
    const { asset_ids: ids } = JSON.parse(text)
    const leaving = this.#listener.leaving()
    this.#selection.set(
      ids.filter((id) => !leaving.has(id)),
      true,
    )
    if (ids.length >= this.#counts.total) return
    this.#listener.say(`The newest ${ids.length.toLocaleString()} are selected, as many as go at once.`)
  }

  /** Nothing is selected any more. */
  end() {
    this.#allAsked++
    this.#selection.clear()
  }

  /** These are not selected any more. */
  deselect(ids) {
    this.#selection.set(ids, false)
  }

  /** The same where they leave: all that is being asked for would have them again. */
  drop(ids) {
    this.#allAsked++
    this.deselect(ids)
  }

  async favorite() {
    const { ids } = this
    const shown = this.#listener.pictures().filter((each) => each.selected)
    const on = !shown.length || shown.some((each) => !each.favorite)
    const isTaken = await markFavorites(ids, shown, on)
    if (isTaken) this.#listener.say(on ? "Marked as favourites." : "No favourites any more.")
  }

  /** The dialog "album" or "share". */
  async openSharing(name) {
    try {
      await openSharing(name, { assets: this.ids }, this.#view.dataset.sharing)
    } catch (error) {
      this.#listener.say(error.message, true)
    }
  }

  compare() {
    const [first, second] = this.ids
    location.assign(`/gallery/compare?first=${first}&second=${second}`)
  }

  /** Puts the ids into the form of the bar, which downloads them. */
  fillForm() {
    slot(this.#view, "asset-ids").value = this.ids.join()
  }
}
