// How many pictures the days in the gallery's list and the months in its rail have: as the server counts them, without
// those that are being deleted. A picture's id says when it was made, so that those count too that are not in the page.
import { setFlag, setText, slot } from "../helpers/dom.js"
import { morph } from "../helpers/morph.js"
import { parse } from "../rendering.js"

const TIME_DIGITS = [0, 13] // of an id: the first 48 bits are milliseconds

const momentOf = (id) => parseInt(id.slice(...TIME_DIGITS).replace("-", ""), 16)

export class PictureCounts {
  #view
  #days
  #known = new Map() // the days of ids

  /** @param {HTMLElement} view the gallery; its `data-zone` is the time zone of its days */
  constructor(view) {
    this.#view = view
    this.#days = new Intl.DateTimeFormat("sv-SE", { timeZone: view.dataset.zone, dateStyle: "short" })
  }

  /** How many fit, those that are being deleted among them. */
  get total() {
    return Number(this.#view.dataset.total)
  }

  /** Takes what the server counts now: by day, and the rail as it is drawn. */
  take(days, rail) {
    for (const heading of this.#view.querySelectorAll(".shots__day")) {
      if (heading.dataset.day in days) slot(heading, "number").dataset.number = days[heading.dataset.day]
    }
    const [old, fresh] = [slot(this.#view, "months"), parse(rail).firstElementChild]
    this.#view.dataset.total = fresh.dataset.total
    if (!old) return
    const here = old.querySelector("[aria-current]")?.dataset.span
    if (here) fresh.querySelector(`[data-span="${here}"]`)?.setAttribute("aria-current", "true")
    morph(old, fresh)
  }

  /** A picture is deleted. */
  remove(id) {
    for (const { dataset } of this.#numbersOf(this.#dayOf(id))) dataset.number = Math.max(dataset.number - 1, 0)
    this.#view.dataset.total = Math.max(this.total - 1, 0)
  }

  /** Shows the counts without those pictures that are `leaving`; what has no other is not shown. */
  show(leaving) {
    const days = this.#tally(leaving)
    for (const number of this.#numbers) {
      const span = spanOf(number)
      const gone = [...days].reduce((sum, [day, count]) => sum + (day.startsWith(begins(span)) ? count : 0), 0)
      const left = Math.max(number.dataset.number - gone, 0)
      const shown = left.toLocaleString("en")
      setText(number, span.dataset.day ? `${shown} ${left === 1 ? "picture" : "pictures"}` : shown)
      setFlag(span, "data-leaving", left === 0)
    }
  }

  get #numbers() {
    return [...this.#view.querySelectorAll('[data-slot="number"]')]
  }

  #numbersOf(day) {
    return this.#numbers.filter((each) => day.startsWith(begins(spanOf(each))))
  }

  #tally(ids) {
    const days = new Map()
    for (const day of [...ids].map((id) => this.#dayOf(id))) days.set(day, (days.get(day) ?? 0) + 1)
    return days
  }

  #dayOf(id) {
    if (!this.#known.has(id)) this.#known.set(id, this.#days.format(momentOf(id)))
    return this.#known.get(id)
  }
}

const spanOf = (number) => number.closest("[data-span], [data-day]")
const begins = ({ dataset: { day, span } }) => day ?? span
