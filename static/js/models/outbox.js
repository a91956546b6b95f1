// Commands that were not answered yet, kept over reloads. Every one of them may be sent again without harm.
const DAY_MS = 86_400_000

export class Outbox {
  #opening = null

  async all(session) {
    const entries = await this.#run("readonly", (store) => store.getAll())
    const fresh = (entries ?? []).filter((entry) => entry.at > Date.now() - DAY_MS)
    return fresh.filter((entry) => entry.session === session).sort((a, b) => a.at - b.at).map((entry) => entry.command)
  }

  put(session, command) {
    return this.#run("readwrite", (store) => store.put({ ref: command.ref, session, command, at: Date.now() }))
  }

  remove(ref) {
    return this.#run("readwrite", (store) => store.delete(ref))
  }

  // Some browsers refuse a database in private windows: then commands last as long as the page.
  async #run(mode, action) {
    try {
      const database = await (this.#opening ??= open())
      return await settled(action(database.transaction("commands", mode).objectStore("commands")))
    } catch {
      return null
    }
  }
}

function open() {
  const request = indexedDB.open("chatserver", 1)
  request.onupgradeneeded = () => request.result.createObjectStore("commands", { keyPath: "ref" })
  return settled(request)
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
