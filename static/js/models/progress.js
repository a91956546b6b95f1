// How a picture in the making stands, in words. Only what is known is said.
import { span } from "../helpers/time.js"

const NAMES = { queued: "Queued", "model-loading": "Loading the model", rendering: "Rendering" }
const CAUSES = { limit: "this hour's calls are used up", closed: "the service is left alone for a while", paused: "paused by the operator" }
const ordinals = new Intl.PluralRules("en", { type: "ordinal" })
const SUFFIX = { one: "st", two: "nd", few: "rd", other: "th" }

// Whether what was heard is about this very stage of this very attempt, not a late word of an earlier one.
export function concerns({ status, attempt }, heard) {
  return Boolean(heard) && heard.status === status && heard.attempt === attempt
}

// `known`: status, position, waits_for, step, steps, eta (seconds from now).
export function stageWords(known) {
  const parts = [NAMES[known.status] ?? "Queued"]
  if (known.status === "queued" && known.position > 0) parts.push(known.position === 1 ? "next" : ordinal(known.position))
  if (known.status === "rendering" && known.steps > 0 && known.step >= 0) parts.push(`step ${known.step} of ${known.steps}`)
  if (known.eta > 0.5) parts.push(`about ${span(known.eta)}`)
  const cause = known.status === "queued" && CAUSES[known.waits_for]
  return parts.join(", ") + (cause ? ` · ${cause}` : "")
}

// The time so far, against the usual time where there is one.
export function elapsedWords(seconds, usual) {
  return usual ? `${span(seconds)} · usually ${span(usual)}` : span(seconds)
}

function ordinal(number) {
  return `${number}${SUFFIX[ordinals.select(number)]}`
}
