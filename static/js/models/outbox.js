// Commands without an answer, kept across reloads in an IndexedDB database per person, which no page of another person
// opens. Each of them may be sent again without harm: the server recognises its client_id.
import { browserDataCleared } from "../helpers/browser_data.js"

const MONTH_MS = 30 * 86_400_000 // older commands are deleted

export class Outbox {
  #name
  #opening = null

  constructor(owner) {
    this.#name = `outbox of ${owner}`
  }

  /** A session's entries in the order in which they were made: `command`, `at` (milliseconds), `losses`, `stranded`. */
  async all(session) {
    await browserDataCleared
    const entries = (await this.#run("readonly", (store) => store.getAll())) ?? []
    for (const { ref, at } of entries) if (at < Date.now() - MONTH_MS) this.remove(ref)
    return entries.filter((entry) => entry.session === session).sort((a, b) => a.at - b.at)
  }

  put(session, { command, at, losses, stranded }) {
    return this.#run("readwrite", (store) => store.put({ ref: command.ref, session, command, at, losses, stranded }))
  }

  remove(ref) {
    return this.#run("readwrite", (store) => store.delete(ref))
  }

  // Private windows and full disks may refuse a database: then commands last as long as the page.
  async #run(mode, action) {
    try {
      const database = await (this.#opening ??= open(this.#name))
      return await settled(action(database.transaction("commands", mode).objectStore("commands")))
    } catch {
      return null
    }
  }
}

async function open(name) {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore("commands", { keyPath: "ref" })
  const database = await settled(request)
  database.onversionchange = () => database.close() // the database is being deleted: somebody signed out
  return database
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
