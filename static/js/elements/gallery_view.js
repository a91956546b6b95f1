// <gallery-view data-query data-zone>: the gallery's list. It is made longer at both ends as one scrolls and shortened
// at the other, so that the page stays small. Its place in the address, what is selected, and when it asks what has
// changed, are models.
import { bus } from "../bus.js"
import { isEditable, setFlag, setText, slot } from "../helpers/dom.js"
import { ASK_AGAIN_MS, fetchText } from "../helpers/fetching.js"
import { nextOf } from "../helpers/grid_steps.js"
import { isComposing } from "../helpers/keys.js"
import { keepPlace, topmost } from "../helpers/lists.js"
import { tellTimeZone } from "../helpers/time_zone.js"
import { GalleryAddress } from "../models/gallery_address.js"
import { GalleryList } from "../models/gallery_list.js"
import { GalleryRefresher } from "../models/gallery_refresher.js"
import { GallerySelector } from "../models/gallery_selector.js"
import { PictureCounts } from "../models/picture_counts.js"
import { PictureDeletion } from "../models/picture_deletion.js"
import { parse } from "../rendering.js"

// Pixels beyond the view: what is nearer than AHEAD is fetched, and what is nearer than KEPT stays, so that nothing
// leaves that would be fetched again, however many pictures a screen shows.
const AHEAD = 800
const KEPT = AHEAD + 200

const isFar = (node) => {
  const { top, bottom } = node.getBoundingClientRect()
  return bottom < -KEPT || top > innerHeight + KEPT
}

const nextTask = () => new Promise((resolve) => setTimeout(resolve))

export class GalleryView extends HTMLElement {
  #selector = null
  #counts = null
  #observer = null
  #busy = false
  #unsubscribe = null
  #again = ASK_AGAIN_MS // when to ask once more; null where the last question was refused for good
  #shots = null // the list's pictures; null where there is no list
  #deletion = new PictureDeletion({
    deleted: (id) => this.#gone(id),
    kept: () => this.#comeBack(),
    failed: (words) => this.#say(words, true),
  })
  #refresher = new GalleryRefresher(this, {
    isBusy: () => this.#busy || this.#leaving.size > 0,
    refresh: () => this.#refresh(),
    askAgain: (question) => this.#askAgain(question),
  })
  #address = new GalleryAddress(this, () => {
    const top = this.list && this.#topmost()
    return top ? { top, isNewest: top === this.#pictures[0] && slot(this, "newer").hidden } : null
  })
  #filtersAsked = 0

  connectedCallback() {
    tellTimeZone(this.dataset.zone)
    this.list = slot(this, "list")
    if (this.list) this.#shots = new GalleryList(this.list)
    this.#counts = new PictureCounts(this)
    this.#selector = new GallerySelector(this, this.#counts, {
      pictures: () => this.#pictures,
      leaving: () => this.#leaving,
      say: (text, problem) => this.#say(text, problem),
    })
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    this.addEventListener("submit", this.onSubmit)
    document.addEventListener("keydown", this.onShortcut)
    document.addEventListener("picture-shown", this.onPictureShown)
    this.#unsubscribe = bus.on("delete-pictures", (ids) => this.#delete(ids))
    this.#address.start()
    this.#refresher.start()
    if (!this.list) return
    this.#observer = new IntersectionObserver((entries) => entries.forEach((each) => this.#onEnd(each)), {
      rootMargin: `${AHEAD}px`,
    })
    GalleryAddress.scrollToPlace(this.list)
    this.#watchEnds()
    this.#selector.adopt()
  }

  disconnectedCallback() {
    this.#refresher.stop()
    this.#address.stop()
    this.#observer?.disconnect()
    this.#unsubscribe()
    document.removeEventListener("keydown", this.onShortcut)
    document.removeEventListener("picture-shown", this.onPictureShown)
  }

  // The ids of the pictures that are being deleted.
  get #leaving() {
    return this.#deletion.leaving
  }

  get #pictures() {
    return [...this.querySelectorAll("gallery-picture:not([data-leaving])")]
  }

  // Both ends ------------------------------------------------------------------------------------------------------

  // Observed again, they tell that one is in sight still: after what was too short, or did not come.
  #watchEnds() {
    this.#observer.disconnect()
    this.#observer.observe(slot(this, "newer"))
    this.#observer.observe(slot(this, "older"))
  }

  #onEnd({ isIntersecting, target }) {
    if (isIntersecting && !target.hidden) this.#extend(target.dataset.slot)
  }

  /** Fetches what follows at one end ("newer" or "older"); returns how many pictures there were. */
  async #extend(end) {
    const pictures = this.#shots?.pictures ?? []
    if (this.#busy || !pictures.length || this.#isEmptied(pictures)) return 0
    this.#busy = true
    const beyond = end === "older" ? pictures.at(-1) : pictures[0]
    const name = end === "older" ? "before" : "newer"
    const fresh = await this.#fetch({ [name]: beyond.dataset.asset })
    if (!fresh) {
      this.#busy = false
      this.#refresher.whenFree()
      this.#askAgain(() => this.#watchEnds())
      return 0
    }
    if (end === "newer" && fresh.dataset.newer && this.dataset.grid !== "ratio") this.#shots.trim(fresh, this.#pictures)
    const nodes = [...fresh.children]
    const count = fresh.querySelectorAll("gallery-picture").length
    slot(this, end).hidden = !fresh.dataset[end]
    // What is put below moves nothing; the rest is done in tasks of their own, so that scrolling goes on between them.
    if (end === "older") this.#shots.append(nodes)
    else this.#keepingPlace(() => this.#shots.prepend(nodes))
    await nextTask()
    this.#keepingPlace(() => this.#shorten(end))
    await nextTask()
    this.#hideLeaving()
    this.#selector.adopt()
    this.#busy = false
    this.#watchEnds()
    document.dispatchEvent(new CustomEvent("pictures-changed"))
    this.#refresher.whenFree()
    return count
  }

  // Where all are being deleted, and more than these, nothing that is fetched is seen, and both ends stay in sight.
  #isEmptied(pictures) {
    return this.#leaving.size > pictures.length && pictures.every((each) => this.#leaving.has(each.dataset.asset))
  }

  async #fetch(place) {
    const query = new URLSearchParams(this.dataset.query)
    for (const [name, value] of Object.entries(place)) query.set(name, value)
    const text = await this.#ask(`/gallery/pictures?${query}`)
    return text && parse(text).firstElementChild
  }

  async #ask(address) {
    const { text, again = ASK_AGAIN_MS } = await fetchText(address)
    this.#again = again
    return text
  }

  #askAgain(question) {
    if (this.#again) setTimeout(question, this.#again)
    else this.#say("These pictures are not shown here any more. Reload the page.", true)
  }

  #shorten(end) {
    if (this.#shots.shorten(end, isFar)) slot(this, end === "older" ? "newer" : "older").hidden = false
  }

  // What is being looked at stays where it is, whatever comes or goes above it.
  #keepingPlace(change) {
    keepPlace(this.#pictures, change)
  }

  #topmost() {
    return topmost(this.#pictures)
  }

  // What happens elsewhere -----------------------------------------------------------------------------------------

  /** Whether all that it takes was answered. */
  async #refresh() {
    const shown = [...this.querySelectorAll("gallery-picture")]
    const query = new URLSearchParams(this.dataset.query)
    // Where nothing older is beyond the list, what fits again may be older than all of it.
    const from = shown.length && !slot(this, "older").hidden ? shown.at(-1).dataset.asset : ""
    if (from) query.set("from", from)
    if (shown.length) query.set("year", (this.#topmost() ?? shown[0]).dataset.day.slice(0, 4))
    const selected = this.#selector.ids
    const text = await this.#ask(`/gallery/state?${query}`)
    if (!text) return false
    const { asset_ids: ids, favorites, complete, days, months } = JSON.parse(text)
    this.#counts.take(days, months)
    const there = new Set(ids)
    const isGone = (id) => id >= from && !there.has(id) && (complete || id < ids.at(-1))
    if (shown.length) this.#keepingPlace(() => this.#compareWith(isGone, new Set(favorites), from))
    this.#selector.deselect(selected.filter(isGone)) // nothing is done to what cannot be seen
    if (!this.querySelector("gallery-picture")) this.#startAgain(ids.length > 0)
    if (!shown.length) return true
    const [known, newest] = [new Set(shown.map((each) => each.dataset.asset)), shown[0].dataset.asset]
    const between = ids.filter((id) => id < newest && !known.has(id))
    if (between.length && !(await this.#fillIn(between.reverse()))) return false
    return slot(this, "newer").hidden && ids.some((id) => id > newest) ? this.#arrive() : true
  }

  // Those that are older than what was asked for have come meanwhile, and the answer does not speak of them.
  #compareWith(isGone, marked, from) {
    for (const picture of this.#pictures.filter((each) => each.dataset.asset >= from)) {
      const { asset } = picture.dataset
      if (isGone(asset)) this.#remove(picture)
      else if (!picture.isChanging && picture.favorite !== marked.has(asset)) picture.favorite = marked.has(asset)
    }
  }

  // The first picture of all has come, or the last one here has gone: from the newest on, or an empty page's words.
  #startAgain(any) {
    if (!this.list && !any) return
    if (this.#leaving.size || document.querySelector("dialog[open]")) return
    location.replace(this.dataset.query ? `/gallery?${this.dataset.query}` : "/gallery")
  }

  // Pictures that fit again, the newest first, among those that are shown: of an album, favourites. Whether all came.
  async #fillIn(missing) {
    const wanted = new Set(missing)
    while (wanted.size) {
      const [next] = wanted
      const fresh = await this.#fetch({ at: next })
      if (!fresh) return false
      const nodes = [...fresh.querySelectorAll("gallery-picture")].filter((each) => wanted.has(each.dataset.asset))
      this.#keepingPlace(() => nodes.forEach((node) => this.#shots.insert(node, fresh)))
      for (const id of [next, ...nodes.map((node) => node.dataset.asset)]) wanted.delete(id)
    }
    this.#selector.adopt()
    document.dispatchEvent(new CustomEvent("pictures-changed"))
    return true
  }

  // New pictures are put above, and told of where they are not in sight. Whether they could be fetched.
  async #arrive() {
    if (this.#busy) {
      this.#refresher.later() // the list is being made longer: once that is done
      return true
    }
    const added = await this.#extend("newer")
    if (!added) return false
    if (scrollY >= 80) {
      const news = slot(this, "news")
      setText(news, added === 1 ? "1 new picture" : `${added} new pictures`)
      news.hidden = false
    }
    return true
  }

  onPictureShown = ({ target }) => {
    if (!this.contains(target)) return
    target.scrollIntoView({ block: "nearest", behavior: "instant" })
    const pictures = this.#pictures
    const index = pictures.indexOf(target)
    if (index > pictures.length - 8 && !slot(this, "older").hidden) this.#extend("older")
    if (index < 8 && !slot(this, "newer").hidden) this.#extend("newer")
  }

  // Clicks and keys ------------------------------------------------------------------------------------------------

  #actions = {
    "select-all": () => this.#selector.selectAll(),
    clear: () => this.#selector.end(),
    favorite: () => this.#selector.favorite(),
    compare: () => this.#selector.compare(),
    album: () => this.#selector.openSharing("album"),
    share: () => this.#selector.openSharing("share"),
    delete: () => this.#delete(this.#selector.ids),
    filters: () => this.#openFilters(),
    "close-filters": () => slot(this, "filters").close(),
  }

  onClick = (event) => {
    const control = event.target.closest("[data-action]")
    if (control) return this.#actions[control.dataset.action]?.()
    const picture = event.target.closest("gallery-picture")
    if (!picture || event.ctrlKey || event.metaKey) return
    const selects = event.target.closest("button") || event.shiftKey || this.#selector.size > 0
    event.preventDefault()
    this.#selector.makeStop(picture)
    if (selects) this.#selector.toggle(picture, event.shiftKey)
    else bus.emit("open-picture", picture)
  }

  onSubmit = (event) => {
    if (event.target === slot(this, "selection")) this.#selector.fillForm()
  }

  // Arrows lead from picture to picture, the up and down ones by rows.
  onKeydown = (event) => {
    const picture = event.target.closest?.("gallery-picture")
    if (!picture || isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return
    const next = nextOf(picture, event.key, this.#pictures)
    if (next) {
      event.preventDefault()
      this.#selector.makeStop(next)
      next.link.focus()
      if (event.shiftKey) this.#selector.toggle(next, true)
    } else if (event.key === " ") {
      event.preventDefault()
      this.#selector.toggle(picture, event.shiftKey)
    } else if (event.key === "." || event.key === "f") picture.toggleFavorite()
  }

  onShortcut = (event) => {
    if (isEditable(event.target) || isComposing(event) || document.querySelector("dialog[open]")) return
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && this.list) {
      event.preventDefault()
      this.#selector.selectAll()
    } else if (event.key === "Escape") this.#selector.end()
    else if (event.key === "Delete" && this.#selector.size) this.#delete(this.#selector.ids)
  }

  // Deletion -------------------------------------------------------------------------------------------------------

  #delete(ids) {
    this.#deletion.begin(ids)
    this.#keepingPlace(() => this.#hideLeaving())
    this.#selector.drop(ids)
  }

  #hideLeaving() {
    for (const picture of this.querySelectorAll("gallery-picture")) {
      setFlag(picture, "data-leaving", this.#leaving.has(picture.dataset.asset))
    }
  }

  #comeBack() {
    this.#hideLeaving()
    this.#selector.show()
    if (!this.#leaving.size) this.#refresher.heard()
  }

  #gone(id) {
    const picture = document.getElementById(`picture_${id}`)
    this.#counts.remove(id)
    if (picture) this.#remove(picture)
  }

  #remove(picture) {
    this.#shots.remove(picture)
    bus.emit("picture-removed", picture)
    this.#selector.adopt()
  }

  // Asked for twice, they are drawn once: what was chosen in them stays.
  async #openFilters() {
    const [dialog, asked] = [slot(this, "filters"), ++this.#filtersAsked]
    const { text } = await fetchText(`/gallery/filters?${this.dataset.query}`)
    if (asked !== this.#filtersAsked || dialog.open) return
    if (!text) return this.#say("That did not work. Please try again.", true)
    dialog.replaceChildren(...parse(text).children)
    dialog.showModal()
  }

  #say(text, problem = false) {
    bus.emit("toast", { kind: "gallery", text, problem })
  }
}

customElements.define("gallery-view", GalleryView)
