// How long pictures and clips usually take now, as the server measured it: by kind, model, pixels and steps.
let durations = []
let asked = null

/** Seconds that one like this usually takes, of any model where none is said; null where too few were made. */
export function usualDuration({ kind, model, pixels, steps = null }) {
  const isAlike = (each) => each.kind === kind && each.pixels === pixels && (each.steps ?? null) === steps
  return durations.find((each) => isAlike(each) && (!model || each.model === model))?.seconds ?? null
}

/** Takes the field `usual` of a `stats` event. */
export function setUsualDurations(usual) {
  durations = usual
}

/** Seconds that what the composer's settings ask for usually takes, or null. */
export function askedDuration() {
  return asked && usualDuration(asked)
}

/** Takes a request for `generation.create`. */
export function setAsked({ kind, width, height, steps }) {
  asked = { kind, pixels: width * height, steps }
}
