// How long a picture usually takes now, as the server measured it.
let seconds = null

/** Seconds, or null while none is known. */
export function usualDuration() {
  return seconds
}

export function setUsualDuration(value) {
  seconds = value
}
