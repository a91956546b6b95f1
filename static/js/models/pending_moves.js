// The order of a list whose items are moved on the page before the server has answered. Each move names the item before
// which another is put, and the server makes it in the order that it has, whichever moves it has refused.

export class PendingMoves {
  #order = [] // as the server has it
  #moves = []

  /** Notes that `item` is to stand before `next`; `shown` is the order in which the items are until now. */
  add(item, next, shown) {
    if (!this.#moves.length) this.#order = shown
    const move = { item, next }
    this.#moves.push(move)
    return move
  }

  /** The server has made a move. */
  accept(move) {
    this.#order = made(this.#order, move)
    this.#forget(move)
  }

  /** The server has refused a move; returns the order of the items without it. */
  refuse(move) {
    this.#forget(move)
    return this.#moves.reduce(made, this.#order)
  }

  #forget(move) {
    this.#moves = this.#moves.filter((each) => each !== move)
  }
}

function made(order, { item, next }) {
  return order.filter((each) => each !== item).flatMap((each) => (each === next ? [item, each] : [each]))
}
