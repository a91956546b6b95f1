// The selected pictures of the gallery, also those that are not in the page: ids of files, in the order of selection.

export class PictureSelection {
  #ids = new Set()
  #changed

  /** @param {() => void} changed called after every change */
  constructor(changed, ids = []) {
    this.#ids = new Set(ids)
    this.#changed = changed
  }

  get ids() {
    return [...this.#ids]
  }

  get size() {
    return this.#ids.size
  }

  has(id) {
    return this.#ids.has(id)
  }

  /** Adds ids, or takes them away. */
  set(ids, on) {
    for (const id of ids) on ? this.#ids.add(id) : this.#ids.delete(id)
    this.#changed()
  }

  clear() {
    this.#ids.clear()
    this.#changed()
  }
}
