// The commands without an answer, in the order in which they were made, and which of them may be sent now.
//
// A broken connection does not say which command broke it. Those that were in flight are sent one at a time from then
// on, so that the next break can be attributed: after three lost connections a command is undeliverable, and the others
// are sent.
const MOST_LOSSES = 3

export class CommandQueue {
  #entries = new Map()

  /**
   * Adds an entry: `command`, `at` (milliseconds), and anything its owner keeps with it; `losses` where it comes from
   * an earlier page. Returns the entry as it is queued.
   */
  add(entry) {
    const queued = { losses: 0, tries: 0, ...entry, stranded: "", inFlight: false, delayed: false }
    this.#entries.set(entry.command.ref, queued)
    return queued
  }

  get(ref) {
    return this.#entries.get(ref)
  }

  remove(ref) {
    this.#entries.delete(ref)
  }

  get commands() {
    return [...this.#entries.values()].map((entry) => entry.command)
  }

  /** The commands to be sent now; they count as in flight from here on. */
  takeReady() {
    const all = [...this.#entries.values()]
    const ready = all.filter((entry, index) => isReady(entry, all.slice(0, index)))
    const oneByOne = all.some((entry) => entry.losses > 0)
    const taken = oneByOne ? ready.slice(0, all.some((entry) => entry.inFlight) ? 0 : 1) : ready
    for (const entry of taken) entry.inFlight = true
    return taken.map((entry) => entry.command)
  }

  /** Takes the entries out of flight and returns them. With `suspect` each of them may have been the cause. */
  connectionLost(suspect) {
    const lost = [...this.#entries.values()].filter((entry) => entry.inFlight)
    for (const entry of lost) {
      entry.inFlight = false
      entry.losses += suspect ? 1 : 0
    }
    return lost
  }
}

function isReady(entry, earlier) {
  return !entry.inFlight && !entry.delayed && !isBehind(entry, earlier)
}

// A later command of the same type waits for one that the server asked to repeat: messages keep their order. About the
// same thing it waits for any: the first may be refused for now when the second is done, and the last press counts.
function isBehind({ command }, earlier) {
  const same = earlier.filter((other) => other.command.type === command.type)
  return same.some((other) => other.tries > 0 || (subject(command) && subject(other.command) === subject(command)))
}

function subject({ asset_id: asset, generation_id: generation, message_id: message }) {
  return asset ?? generation ?? message
}

/** Whether a command was lost with so many connections that it is not sent again. */
export function isUndeliverable({ losses }) {
  return losses >= MOST_LOSSES
}
