/** Runs asynchronous actions one after the other: the server hears them in the order in which they were asked for. */
export class Turns {
  #last = Promise.resolve()
  #left = 0

  /** Whether some have not ended. */
  get isBusy() {
    return this.#left > 0
  }

  /** Settles as the action does, which begins when those before it have ended. */
  take(action) {
    this.#left++
    const turn = this.#last.then(action).finally(() => this.#left--)
    this.#last = turn.catch(() => {})
    return turn
  }
}
