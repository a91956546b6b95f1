// What the composer's settings ask for, the price of it, and every reason why it cannot be had now.
const GRAIN = 8
const LARGEST_CLIP = 768

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
    if (data.get(name)?.trim()) fields[name] = Number(data.get(name))
  }
  return fields
}

export function price({ kind, count }, left) {
  const thing = kind === "video" ? `${count > 1 ? `${count} clips` : "clip"}` : count
  return `Create ${thing} · ${count} of ${left} ${left === 1 ? "credit" : "credits"}`
}

// Every reason in words; credits apart, as they come back by themselves.
export function reasons({ kind, prompt, count }, { expired, mayGenerate, balance, maxCount, plan }) {
  const noun = kind === "video" ? "clip" : "picture"
  const all = []
  if (expired) all.push("This session's time is up.")
  else if (!mayGenerate) all.push("The owner has not allowed guests to generate.")
  if (balance.limit === 0) all.push(`${plan} has no ${kind} credits.`)
  else if (count > balance.limit) all.push(`${plan} has ${balance.limit} ${kind} credits an hour.`)
  if (count > maxCount) all.push(`${plan} makes at most ${maxCount} at once.`)
  if (!prompt.trim()) all.push(`Describe the ${noun} first.`)
  if (prompt.length > 2000) all.push("A description has at most 2,000 characters.")
  return all
}
