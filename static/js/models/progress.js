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
    parts.push(place(stage.position).toLowerCase())
  }
  if (stage.status === "rendering" && stage.steps > 0 && stage.step >= 0) {
    parts.push(`step ${stage.step} of ${stage.steps}`)
  }
  if (stage.eta > 0.5) parts.push(`about ${formatDuration(stage.eta)}`)
  const cause = stage.status === "queued" && CAUSES[stage.waits_for]
  return parts.join(", ") + (cause ? ` · ${cause}` : "")
}

/** The stage as a tile says it, in a few words; `elapsed` in words where nothing else is known. */
export function describeShortly(stage, elapsed) {
  const parts = []
  if (stage.status === "queued") parts.push(stage.position > 0 ? place(stage.position) : "Queued")
  if (stage.status === "model-loading") parts.push("Loading")
  if (stage.status === "rendering" && stage.steps > 0 && stage.step >= 0) parts.push(`${stage.step} of ${stage.steps}`)
  if (stage.eta > 0.5) parts.push(formatDuration(stage.eta))
  else if (stage.status !== "queued" && elapsed) parts.push(elapsed)
  return parts.join(" · ")
}

/**
 * How far a batch is: the stage of the only one that is being made, with its elapsed time, or how many are where, and
 * how long the last of them takes where that is known of all.
 * @param {object[]} stages as `describeStage` takes them, with `elapsed` in words
 */
export function describeBatch(stages) {
  if (stages.length === 0) return ""
  if (stages.length === 1) return [describeStage(stages[0]), stages[0].elapsed].filter(Boolean).join(" · ")
  const words = { rendering: "rendering", "model-loading": "loading", queued: "queued" }
  const counts = Object.entries(words)
    .map(([status, word]) => [stages.filter((stage) => stage.status === status).length, word])
    .filter(([count]) => count)
    .map(([count, word]) => `${count} ${word}`)
  const eta = Math.max(...stages.map((stage) => stage.eta ?? Infinity))
  const cause = stages.map((stage) => stage.status === "queued" && CAUSES[stage.waits_for]).find(Boolean)
  const left = eta > 0.5 && eta < Infinity && `about ${formatDuration(eta)}`
  return [counts.join(", "), left, cause].filter(Boolean).join(" · ")
}

/** The elapsed time, against the usual duration where one is known and not passed twofold; both in seconds. */
export function describeElapsed(seconds, usual) {
  const elapsed = formatDuration(seconds)
  return usual && seconds <= 2 * usual ? `${elapsed} · usually ${formatDuration(usual)}` : elapsed
}

function place(position) {
  return position === 1 ? "Next" : ordinal(position)
}

function ordinal(number) {
  return `${number}${SUFFIX[ordinals.select(number)]}`
}
