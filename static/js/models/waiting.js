// The commands that wait for their answers, in the order of their making, and which of them may go on the line now.
//
// A line that breaks does not say which command broke it. Those that were on their way go one at a time from then on, so
// that the next break is known to be somebody's: lost with three lines, a command is hopeless, and the others go on.
const MOST_LOSSES = 3

export class Waiting {
  #entries = new Map()

  // An entry: command, at, and what its owner likes to keep with it; `losses` where it comes from an earlier page.
  add(entry) {
    const whole = { losses: 0, tries: 0, ...entry, stranded: "", underway: false, resting: false }
    this.#entries.set(entry.command.ref, whole)
    return whole
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

  // Takes what is to be sent now; it is on its way then.
  take() {
    const all = [...this.#entries.values()]
    const ready = all.filter((entry, index) => !entry.underway && !entry.resting && !isBehind(entry, all.slice(0, index)))
    const careful = all.some((entry) => entry.losses > 0)
    const taken = careful ? ready.slice(0, all.some((entry) => entry.underway) ? 0 : 1) : ready
    for (const entry of taken) entry.underway = true
    return taken.map((entry) => entry.command)
  }

  // The line is gone, and with it what was on its way: those entries. With `blame` they may have been the cause.
  lose(blame) {
    const lost = [...this.#entries.values()].filter((entry) => entry.underway)
    for (const entry of lost) {
      entry.underway = false
      entry.losses += blame ? 1 : 0
    }
    return lost
  }
}

// Behind one of its kind that was told to come back: what is said later is not heard before it.
function isBehind(entry, elders) {
  return elders.some((elder) => elder.tries > 0 && elder.command.type === entry.command.type)
}

export function hopeless({ losses }) {
  return losses >= MOST_LOSSES
}
