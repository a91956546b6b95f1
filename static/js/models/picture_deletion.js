// Deletes pictures of the gallery, fifty with one request; until it is sent, five seconds later, it can be undone.
import { bus } from "../bus.js"
import { call } from "../helpers/api.js"
import { afterUndoPeriod } from "../helpers/undo.js"

const DELETED_AT_ONCE = 50

const inParts = (all, size) => (all.length ? [all.slice(0, size), ...inParts(all.slice(size), size)] : [])

export class PictureDeletion {
  /** The ids of the pictures that are being deleted. */
  leaving = new Set()
  #offered = null // the pictures whose deletion can be undone by the toast
  #listener

  /** @param {object} listener `deleted(id)`, `kept()` where pictures leave no more, and `failed(words)` */
  constructor(listener) {
    this.#listener = listener
  }

  /** Begins to delete pictures. */
  begin(ids) {
    for (const id of ids) this.leaving.add(id)
    const cancel = afterUndoPeriod((pageIsLeft) => this.#send(ids, pageIsLeft))
    const undo = () => {
      cancel()
      this.#keep(ids)
    }
    const text = ids.length === 1 ? "Deleted." : `${ids.length.toLocaleString()} deleted.`
    bus.emit("toast", { kind: "deletion", text, undo })
    this.#offered = ids
  }

  #keep(ids) {
    for (const id of ids) this.leaving.delete(id)
    this.#listener.kept()
  }

  // One request after the other; of a page that is left all at once, as it will not see the first answer.
  async #send(ids, pageIsLeft) {
    if (ids === this.#offered) bus.emit("toast-withdrawn", "deletion")
    let refused = 0
    try {
      const parts = inParts(ids, DELETED_AT_ONCE)
      if (pageIsLeft) return await Promise.all(parts.map((some) => this.#request(some)))
      for (const some of parts) refused += await this.#request(some)
    } catch (error) {
      this.#keep(ids)
      return this.#listener.failed(error.message)
    }
    if (refused) {
      this.#listener.failed("What others made can be deleted only by them and by the owner of the session.")
    }
  }

  // How many others may delete only.
  async #request(ids) {
    const report = await call("POST", "/pictures/deletions", { asset_ids: ids }, { keepalive: true })
    for (const id of report.deleted) {
      this.leaving.delete(id)
      this.#listener.deleted(id)
    }
    this.#keep(ids)
    return report.refused
  }
}
