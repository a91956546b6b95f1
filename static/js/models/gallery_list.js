// The pictures of the gallery that are in the page, below the headings of their days. It is made longer at one end and
// shortened at the other: what stays keeps its heading and its column.

const MOST_SHOWN = 80
const isDay = (node) => node?.matches(".shots__day") ?? false

export class GalleryList {
  #list

  constructor(list) {
    this.#list = list
  }

  /** All pictures, also those that are being deleted, the newest first. */
  get pictures() {
    return [...this.#list.querySelectorAll("gallery-picture")]
  }

  /** Puts older nodes at the end. */
  append(nodes) {
    const last = this.#days.at(-1)
    if (last?.dataset.day === nodes[0]?.dataset.day) nodes.shift()
    this.#list.append(...nodes)
  }

  /** Puts newer nodes at the beginning. */
  prepend(nodes) {
    const first = this.#list.firstElementChild
    const days = nodes.filter(isDay)
    if (first && first.dataset.day === days.at(-1)?.dataset.day) first.remove()
    this.#list.prepend(...nodes)
  }

  /** Of a day that goes on above `shown`, leaves whole rows in `fresh`: what is there stays in its column. */
  trim(fresh, shown) {
    const [first, second] = fresh.querySelectorAll(".shots__day")
    if (second || !shown.length || first.dataset.day !== shown[0].dataset.day) return
    const columns = shown.findIndex((each) => each.offsetTop !== shown[0].offsetTop)
    const pictures = [...fresh.querySelectorAll("gallery-picture")]
    if (columns > 0 && columns < pictures.length) {
      for (const each of pictures.slice(0, pictures.length % columns)) each.remove()
    }
  }

  /**
   * After it was made longer at an `end` ("newer" or "older"), takes whole days or parts of them away at the other: of
   * those beyond so many, what `isFar` from the view. Returns whether any left.
   */
  shorten(end, isFar) {
    const { pictures } = this
    const spare = Math.max(pictures.length - MOST_SHOWN, 0)
    const gone = (end === "older" ? pictures : pictures.reverse()).slice(0, spare).filter(isFar)
    // Whole rows: what follows stays in its column.
    while (end === "older" && gone.length && !beginsRow(pictures[gone.length])) gone.pop()
    for (const picture of gone) picture.remove()
    // The heading of a day of which something is left is the last of those that now stand before it.
    if (gone.length) this.#removeEmptyDays()
    return gone.length > 0
  }

  /** Puts a picture of `fresh` before the next older one, with the heading of its day where it is the first of it. */
  insert(picture, fresh) {
    const { asset, day } = picture.dataset
    if (document.getElementById(picture.id)) return
    const heading = fresh.querySelector(`.shots__day[data-day="${day}"]`)
    const next = this.pictures.find((each) => each.dataset.asset < asset)
    const before = next?.dataset.day === day ? next : headingOf(next)
    if (!this.#days.some((each) => each.dataset.day === day)) this.#list.insertBefore(heading, before)
    this.#list.insertBefore(picture, before)
  }

  /** Takes a picture away, and the heading of its day with the last one of it. */
  remove(picture) {
    picture.remove()
    this.#removeEmptyDays()
  }

  get #days() {
    return [...this.#list.querySelectorAll(".shots__day")]
  }

  #removeEmptyDays() {
    for (const day of this.#days) if (!day.nextElementSibling || isDay(day.nextElementSibling)) day.remove()
  }
}

function beginsRow(picture) {
  return picture.previousElementSibling?.offsetTop !== picture.offsetTop
}

function headingOf(picture) {
  const before = picture?.previousElementSibling
  return isDay(before) ? before : (picture ?? null)
}
