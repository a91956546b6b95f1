// What the composer's settings ask for, the price of it, and every reason why it cannot be had now.
import { tooMuch } from "../helpers/text.js"
import { typedNumber } from "./numbers.js"

const GRAIN = 8
const LARGEST_CLIP = 768
const PROMPT_LENGTH = 2000
// What the fields for numbers take: the name in words, least, most, and whether a fraction is meant.
const NUMBERS = { seed: ["A seed", 0, 2 ** 32 - 1, false], steps: ["Steps", 1, 100, false], guidance: ["Guidance", 0, 30, true] }

// Width and height in pixels for a shape such as "3:2" and its longest side, in the steps that models take.
export function sides(ratio, longest) {
  const [across, down] = ratio.split(":").map(Number)
  const side = (part) => Math.round((longest * part) / Math.max(across, down) / GRAIN) * GRAIN
  return { width: side(across), height: side(down) }
}

// The fields of `generation.create` from the form's data; what was left empty is left out.
export function order(kind, prompt, data) {
  const longest = Math.min(Number(data.get("size")), kind === "video" ? LARGEST_CLIP : Infinity)
  const fields = { kind, prompt, ...sides(data.get("ratio"), longest), count: Number(data.get("count")) }
  for (const name of ["style", "negative_prompt"]) {
    if (data.get(name)?.trim()) fields[name] = data.get(name).trim()
  }
  for (const name of ["seed", "steps", "guidance"]) {
    const number = typedNumber(data.get(name) ?? "")
    if (number !== null) fields[name] = number
  }
  return fields
}

export function price({ kind, count }, left) {
  const thing = kind === "video" ? `${count > 1 ? `${count} clips` : "clip"}` : count
  return `Create ${thing} · ${count} of ${left} ${left === 1 ? "credit" : "credits"}`
}

// Every reason in words; credits apart, as they come back by themselves.
export function reasons({ kind, prompt, count, negative_prompt: without = "", ...numbers }, { expired, mayGenerate, balance, maxCount, plan }) {
  const noun = kind === "video" ? "clip" : "picture"
  const all = []
  if (expired) all.push("This session's time is up.")
  else if (!mayGenerate) all.push("The owner has not allowed guests to generate.")
  if (balance.limit === 0) all.push(`${plan} has no ${kind} credits.`)
  else if (count > balance.limit) all.push(`${plan} has ${balance.limit} ${kind} credits an hour.`)
  if (count > maxCount) all.push(`${plan} makes at most ${maxCount} at once.`)
  if (!prompt.trim()) all.push(`Describe the ${noun} first.`)
  all.push(tooLong("The description", prompt), tooLong("What to leave out", without), ...Object.keys(NUMBERS).map((name) => wrong(name, numbers[name])))
  return all.filter(Boolean)
}

function tooLong(what, text) {
  const words = tooMuch(text, PROMPT_LENGTH)
  return words && `${what} has ${words}`
}

function wrong(name, number) {
  const [what, least, most, fraction] = NUMBERS[name]
  if (number === undefined || (number >= least && number <= most && (fraction || Number.isInteger(number)))) return ""
  return `${what} ${name === "steps" ? "are" : "is"} a ${fraction ? "" : "whole "}number from ${least} to ${most}.`
}
