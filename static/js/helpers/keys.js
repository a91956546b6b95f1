const IN_PROCESS = 229

/**
 * Whether a key event belongs to an input method: the Enter that accepts a candidate must not send a message. Safari
 * ends the composition before that event, which then has the key code 229 only.
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === IN_PROCESS
}
