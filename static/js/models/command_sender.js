// Sends commands until each is answered, across reconnects and reloads.
import { bus } from "../bus.js"
import { newId } from "../helpers/ids.js"
import { CommandQueue, isUndeliverable } from "./command_queue.js"

const DAY_MS = 86_400_000 // what waited longer is not sent without its author's decision
const RETRYABLE = new Set(["busy", "rate-limited"]) // nothing was stored: the same command may be repeated
const MOST_RETRIES = 5
const LONGEST_WAIT_S = 60 // with a longer wait the refusal is shown instead, with its reason and time
const MAKES_MESSAGE = new Set(["message.create", "generation.create"])

/** The server's refusal of a command: the message for people, with `command`, `code`, `retryAfter` and `details`. */
export class CommandError extends Error {
  constructor(command, error) {
    super(error.message)
    Object.assign(this, { command, code: error.code, retryAfter: error.retry_after, details: error.details ?? {} })
  }
}

export class CommandSender {
  #outbox
  #transport
  #session
  #queue = new CommandQueue()
  #stranded = new Map()

  constructor(outbox, transport, session) {
    this.#outbox = outbox
    this.#transport = transport
    this.#session = session
  }

  /** Takes over what an earlier page of this session left in the outbox. */
  async start() {
    for (const entry of await this.#outbox.all(this.#session)) this.#restore(entry)
  }

  /** The commands without an answer so far. */
  get pending() {
    return this.#queue.commands
  }

  /**
   * Queues a command. Resolves with its result, rejects with a CommandError. Where `tell` returns true for that, it has
   * told the refusal itself, and nobody else does (`told`).
   */
  send(type, fields, tell) {
    const command = { ref: newId(), type, ...fields }
    return new Promise((resolve, reject) => this.#enqueue({ command, at: Date.now(), resolve, reject, tell }))
  }

  /** Queues a stranded command once more. */
  retry(clientId) {
    const entry = this.#takeStranded(clientId)
    if (entry) this.#enqueue({ ...entry, at: Date.now(), losses: 0 })
  }

  /** Deletes a stranded command. */
  discard(clientId) {
    const entry = this.#takeStranded(clientId)
    if (!entry) return
    this.#outbox.remove(entry.command.ref)
    bus.emit("command-discarded", entry.command)
  }

  /** Deletes a stranded command whose message exists after all. */
  confirm(clientId) {
    const entry = this.#takeStranded(clientId)
    if (entry) this.#outbox.remove(entry.command.ref)
  }

  /** Writes what may be sent now. */
  flush() {
    if (!this.#transport.writable) return
    for (const command of this.#queue.takeReady()) this.#transport.write(command)
  }

  /** Settles a command by its reply, or repeats it later where the server asks for that. */
  handleReply({ ref, ok, result, error }) {
    const entry = this.#queue.get(ref)
    if (!entry) return
    const retryable = !ok && RETRYABLE.has(error.code) && (error.retry_after ?? 0) <= LONGEST_WAIT_S
    if (retryable && entry.tries++ < MOST_RETRIES) this.#delay(entry, error.retry_after ?? entry.tries)
    else this.#settle(entry, ok, result, error)
    this.flush()
  }

  /** Marks what was in flight as lost. With `suspect`, it may be why the connection broke. */
  connectionLost(suspect) {
    for (const entry of this.#queue.connectionLost(suspect)) {
      if (isUndeliverable(entry)) this.#strand(entry, "lost")
      else if (suspect) this.#outbox.put(this.#session, entry)
    }
  }

  #takeStranded(clientId) {
    const entry = this.#stranded.get(clientId)
    this.#stranded.delete(clientId)
    return entry
  }

  #enqueue(entry) {
    this.#outbox.put(this.#session, this.#queue.add(entry))
    this.flush() // the server works on it while the page shows it
    bus.emit("command-sent", entry.command)
  }

  #restore(entry) {
    const { command, at, stranded } = entry
    if (this.#queue.get(command.ref)) return
    const ignore = () => {}
    const queued = this.#queue.add({ ...entry, resolve: ignore, reject: ignore })
    if (stranded || at < Date.now() - DAY_MS) return this.#strand(queued, stranded || "old")
    bus.emit("command-sent", command)
    this.flush()
  }

  #delay(entry, seconds) {
    Object.assign(entry, { inFlight: false, delayed: true })
    setTimeout(() => {
      entry.delayed = false
      this.flush()
    }, 1000 * seconds)
  }

  #settle(entry, ok, result, error) {
    this.#queue.remove(entry.command.ref)
    this.#outbox.remove(entry.command.ref)
    if (ok) this.#accept(entry, result)
    else this.#refuse(entry, error)
  }

  #accept({ command, resolve }, result) {
    resolve(result)
    bus.emit("command-accepted", command)
  }

  #refuse({ command, reject, tell }, cause) {
    const error = new CommandError(command, cause)
    error.told = tell?.(error)
    reject(error)
    bus.emit("command-refused", error)
  }

  // Stops sending a command. One that makes a message is kept, and shown in its place, until its author decides.
  #strand(entry, why) {
    const { command } = entry
    this.#queue.remove(command.ref)
    if (!MAKES_MESSAGE.has(command.type)) {
      this.#outbox.remove(command.ref)
      const message = "The connection broke each time this was asked. It is not tried again."
      return this.#refuse(entry, { code: "given-up", message })
    }
    entry.stranded = why
    this.#stranded.set(command.client_id, entry)
    this.#outbox.put(this.#session, entry)
    bus.emit("command-stranded", { command, why })
  }
}
