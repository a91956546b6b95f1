// How long pictures and clips usually take now, as the server measured it: by kind, model and pixels.
let durations = []

/** Seconds that one of this kind, model and number of pixels usually takes; null where too few were made. */
export function usualDuration({ kind, model, pixels }) {
  const like = (each) => each.kind === kind && each.model === model && each.pixels === pixels
  return durations.find(like)?.seconds ?? null
}

/** Takes the field `usual` of a `stats` event. */
export function setUsualDurations(usual) {
  durations = usual
}
