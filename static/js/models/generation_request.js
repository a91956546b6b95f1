// What the composer's settings ask for, its price, and what prevents it.
import { lengthProblem } from "../helpers/text.js"
import { parseNumber } from "./numbers.js"

const STEP_PX = 8 // models take sides in steps of eight pixels
const LARGEST_CLIP_PX = 768
const PROMPT_LENGTH = 2000
// The fields for numbers: the name in words, least, most, and whether fractions are allowed.
const NUMBERS = {
  seed: ["A seed", 0, 2 ** 32 - 1, false],
  steps: ["Steps", 1, 100, false],
  guidance: ["Guidance", 0, 30, true],
}

/** Width and height in pixels of a ratio such as "3:2" and its longest side. */
export function dimensions(ratio, longest) {
  const [across, down] = ratio.split(":").map(Number)
  const side = (part) => Math.round((longest * part) / Math.max(across, down) / STEP_PX) * STEP_PX
  return { width: side(across), height: side(down) }
}

/** The fields of `generation.create` from the form's data, without those left empty. */
export function generationRequest(kind, prompt, data) {
  const longest = Math.min(Number(data.get("size")), kind === "video" ? LARGEST_CLIP_PX : Infinity)
  const count = kind === "video" ? 1 : Number(data.get("count")) // how many is a setting of pictures
  const fields = { kind, prompt, ...dimensions(data.get("ratio"), longest), count }
  for (const name of ["style", "negative_prompt"]) {
    if (data.get(name)?.trim()) fields[name] = data.get(name).trim()
  }
  for (const name of ["seed", "steps", "guidance"]) {
    const number = parseNumber(data.get(name) ?? "")
    if (number !== null) fields[name] = number
  }
  if (kind === "image" && data.get("source_asset_id")) {
    for (const name of ["source_asset_id", "change"]) fields[name] = data.get(name)
    if (fields.change === "variation" && data.get("strength")) fields.strength = Number(data.get("strength"))
    if (data.get("mask")) takePart(fields, data.get("mask"))
  }
  return fields
}

// The size is that of the picture of which a part is changed.
function takePart(fields, mask) {
  for (const name of ["width", "height"]) delete fields[name]
  fields.mask = mask
}

/** What is done to a picture that another one starts from, as buttons and chips say it. */
export const CHANGES = { variation: "Vary", edit: "Edit" }

/** The text of the button: how many, and their price in credits. */
export function priceLabel({ kind, count, change }, left) {
  const thing = kind === "video" ? "clip" : count
  return `${CHANGES[change] ?? "Create"} ${thing} · ${count} of ${left} ${left === 1 ? "credit" : "credits"}`
}

/** Everything that prevents a request, in words; missing credits excepted, as they come back by themselves. */
export function problems(request, { expired, mayGenerate, balance, maxCount, plan, uploading }) {
  const { kind, prompt, count } = request
  const all = uploading && kind === "image" ? ["The picture is still being uploaded."] : []
  if (expired) all.push("This session's time is up.")
  else if (!mayGenerate) all.push("The owner has not allowed guests to generate.")
  if (balance.limit === 0) all.push(`${plan} has no ${kind} credits.`)
  else if (count > balance.limit) all.push(`${plan} has ${balance.limit} ${kind} credits an hour.`)
  if (count > maxCount) all.push(`${plan} makes at most ${maxCount} at once.`)
  if (prompt.trim()) all.push(textProblem("The description", prompt))
  const fields = ["negative_prompt", ...Object.keys(NUMBERS)]
  return [...all, ...fields.map((name) => fieldProblem(name, request[name]))].filter(Boolean)
}

/** What is wrong with what was typed as one setting, or an empty string. */
export function fieldProblem(name, value) {
  if (name === "negative_prompt") return textProblem("What to leave out", value ?? "")
  if (!NUMBERS[name]) return "" // it was not typed
  const [what, least, most, fraction] = NUMBERS[name]
  const inRange = value >= least && value <= most && (fraction || Number.isInteger(value))
  if (value === undefined || inRange) return ""
  return `${what} ${name === "steps" ? "are" : "is"} a ${fraction ? "" : "whole "}number from ${least} to ${most}.`
}

function textProblem(what, text) {
  const problem = lengthProblem(text, PROMPT_LENGTH)
  return problem && `${what} has ${problem}`
}
