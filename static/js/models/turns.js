/** Runs asynchronous actions one after the other: the server hears them in the order in which they were asked for. */
export class Turns {
  #last = Promise.resolve()

  /** Settles as the action does, which begins when those before it have ended. */
  take(action) {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }
}
