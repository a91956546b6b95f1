// Commands that were not answered yet, kept over reloads in a database of the person who gave them: nobody else's page
// ever reads it. Every one of them may be sent again without harm.
import { forgotten } from "../helpers/forgetting.js"

const MONTH_MS = 30 * 86_400_000 // then they are nobody's business any more

export class Outbox {
  #name
  #opening = null

  constructor(owner) {
    this.#name = `outbox of ${owner}`
  }

  // A session's entries in the order of their making: command, at (milliseconds), losses, stranded.
  async all(session) {
    await forgotten
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

  // Some browsers refuse a database in private windows, or are full: then commands last as long as the page.
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
  database.onversionchange = () => database.close() // somebody signs out, and it is deleted
  return database
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
