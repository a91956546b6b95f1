// The progress of a generation in words. Only what is known is said.
import { formatDuration } from "../helpers/time.js"

const NAMES = { queued: "Queued", "model-loading": "Loading the model", rendering: "Rendering" }
const CAUSES = {
  limit: "this hour's calls are used up",
  closed: "the service is left alone for a while",
  paused: "paused by the operator",
}
const ordinals = new Intl.PluralRules("en", { type: "ordinal" })
const SUFFIX = { one: "st", two: "nd", few: "rd", other: "th" }

/** Whether a progress event is about this stage of this attempt, rather than a late one about an earlier stage. */
export function isCurrent({ status, attempt }, progress) {
  return Boolean(progress) && progress.status === status && progress.attempt === attempt
}

/**
 * The stage in words.
 * @param {object} stage `status`, and where known `position`, `waits_for`, `step`, `steps`, `eta` (seconds from now)
 */
export function describeStage(stage) {
  const parts = [NAMES[stage.status] ?? "Queued"]
  if (stage.status === "queued" && stage.position > 0) {
    parts.push(stage.position === 1 ? "next" : ordinal(stage.position))
  }
  if (stage.status === "rendering" && stage.steps > 0 && stage.step >= 0) {
    parts.push(`step ${stage.step} of ${stage.steps}`)
  }
  if (stage.eta > 0.5) parts.push(`about ${formatDuration(stage.eta)}`)
  const cause = stage.status === "queued" && CAUSES[stage.waits_for]
  return parts.join(", ") + (cause ? ` · ${cause}` : "")
}

/** The elapsed time, against the usual duration where one is known and not passed twofold; both in seconds. */
export function describeElapsed(seconds, usual) {
  return usual && seconds <= 2 * usual ? `${formatDuration(seconds)} · usually ${formatDuration(usual)}` : formatDuration(seconds)
}

function ordinal(number) {
  return `${number}${SUFFIX[ordinals.select(number)]}`
}
