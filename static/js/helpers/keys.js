// Whether a key belongs to an input method that is still at work: the Enter that takes a word is no Enter for us. Safari
// ends the composition before that key, which then is known by its number only.
const IN_PROCESS = 229

export function composing(event) {
  return event.isComposing || event.keyCode === IN_PROCESS
}
