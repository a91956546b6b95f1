// What was typed and painted to change a picture and not sent yet, for a few pictures of a session.
import { readStored, writeStored } from "../helpers/storage.js"

const MOST = 5 // each may have a mask of 43 kB

export class ChangeDrafts {
  #key

  constructor(session) {
    this.#key = `changes:${session}`
  }

  /** The draft for a picture: `text` and `settings`; or null. */
  load(asset) {
    return this.#all.find((each) => each.asset === asset) ?? null
  }

  /** Keeps a picture's draft; of those that are kept, the ones that were changed last. */
  save(asset, draft) {
    writeStored(this.#key, [{ ...draft, asset }, ...this.#others(asset)].slice(0, MOST))
  }

  remove(asset) {
    const others = this.#others(asset)
    writeStored(this.#key, others.length ? others : null)
  }

  #others(asset) {
    return this.#all.filter((each) => each.asset !== asset)
  }

  get #all() {
    return readStored(this.#key) ?? []
  }
}
