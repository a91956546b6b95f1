// Shows the progress of a generation in its card: words, bar and time. Progress events are newer than the rendering, as
// long as they are about the same stage of the same attempt.
import { setText, slot } from "../helpers/dom.js"
import { formatDuration, now } from "../helpers/time.js"
import { describeElapsed, describeShortly, isCurrent } from "./progress.js"
import { usualDuration } from "./usual_duration.js"

export class StageDisplay {
  #card
  #progress = null
  #progressAt = 0
  #renderedAt = 0

  constructor(card) {
    this.#card = card
  }

  /** Notes that the card was rendered now: times until the end are counted from here. */
  restart() {
    this.#renderedAt = Date.now()
  }

  /** Takes a progress event and shows it; returns whether it is about the stage that the card is in. */
  receive(progress) {
    if (progress.attempt < Number(this.#card.dataset.attempt)) return false
    this.#progress = progress
    this.#progressAt = Date.now()
    this.show()
    return this.#isCurrent
  }

  /** The stage as it is now, as `describeStage` takes it, with the elapsed time in words. */
  get stage() {
    const stage = this.#isCurrent
      ? this.#withEta(this.#progress, this.#progressAt)
      : this.#withEta(this.#renderedStage(), this.#renderedAt)
    return { ...stage, elapsed: this.#elapsed(true) }
  }

  /** Shows the stage as it is now; call it once a second. */
  show() {
    if (!slot(this.#card, "words")) return
    const { stage } = this
    setText(slot(this.#card, "words"), describeShortly(stage, this.#elapsed(false)))
    this.#showBar(stage)
  }

  get #isCurrent() {
    const { status, attempt } = this.#card.dataset
    return isCurrent({ status, attempt: Number(attempt) }, this.#progress)
  }

  #renderedStage() {
    const { dataset } = this.#card
    const number = (name) => (dataset[name] ? Number(dataset[name]) : undefined)
    const [position, fraction, step, steps] = ["position", "fraction", "step", "steps"].map(number)
    return { position, eta_seconds: number("eta"), fraction, step, steps }
  }

  #withEta(stage, since) {
    const eta = stage.eta_seconds === undefined ? undefined : stage.eta_seconds - (Date.now() - since) / 1000
    return { ...stage, status: this.#card.dataset.status, eta }
  }

  #showBar({ status, fraction }) {
    const bar = slot(this.#card, "bar")
    const known = status === "rendering" && fraction >= 0
    bar.hidden = !known
    if (!known) return
    bar.value = fraction
    bar.style.setProperty("--done", fraction)
  }

  // Whole: with what is waited for, or what is usual.
  #elapsed(whole) {
    if (this.#card.closest("[data-local-pending]")) return ""
    const { status, created, started, kind, model, width, height, wantedSteps } = this.#card.dataset
    const queued = status === "queued"
    const seconds = (now() - Date.parse(queued ? created : started || created)) / 1000
    if (queued) return `waiting ${formatDuration(seconds)}`
    const alike = { kind, model, pixels: width * height, steps: wantedSteps && Number(wantedSteps) }
    return describeElapsed(seconds, whole ? usualDuration(alike) : null)
  }
}
