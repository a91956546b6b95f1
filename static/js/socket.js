// The page's one connection to its session: events of the server arrive here, commands leave from here.
import { bus } from "./bus.js"
import { viewer } from "./helpers/viewer.js"
import { CommandSender } from "./models/command_sender.js"
import { Emitter } from "./models/emitter.js"
import { Outbox } from "./models/outbox.js"
import { Transport } from "./models/transport.js"

export class Socket {
  #events = new Emitter()
  #session
  #transport
  #commands

  constructor(outbox, viewerId, session) {
    this.#session = session
    this.#transport = new Transport(viewerId, {
      onOpen: () => this.#commands.flush(),
      onEvent: (event) => this.#receive(event),
      onLost: (suspect) => this.#commands.connectionLost(suspect),
      onState: (state) => bus.emit("connection-state", state),
      onClosed: (code) => bus.emit("connection-closed", { code }),
    })
    this.#commands = new CommandSender(outbox, this.#transport, session)
  }

  /** One of connecting, live, reconnecting, offline, crowded, stopped. */
  get state() {
    return this.#transport.state
  }

  /** The highest sequence number received; a reconnect asks for what comes after it. */
  get after() {
    return this.#transport.after
  }

  /** The commands without an answer so far. */
  get pending() {
    return this.#commands.pending
  }

  /** Connects to the session, and sends what this page has queued and an earlier one has left in the outbox. */
  start(after) {
    const origin = location.origin.replace(/^http/, "ws")
    this.#transport.open(`${origin}/ws/sessions/${this.#session}`, after)
    return this.#commands.start()
  }

  /** Connects again, and hears once more what came after `seq`: what has come of it does not fit to the page. */
  resume(seq) {
    this.#transport.resume(seq)
  }

  /** Listens to one type of server event; returns a function that unsubscribes. */
  on(type, listener) {
    return this.#events.on(type, listener)
  }

  /** Sends a command now or after the next reconnect: CommandSender.send. */
  send(...command) {
    return this.#commands.send(...command)
  }

  /** Sends a command that is dropped when there is no connection, and whose answer nobody waits for. */
  sendVolatile(type, fields) {
    this.#transport.sendVolatile(type, fields)
  }

  /** Sends a stranded command once more. */
  retry(clientId) {
    this.#commands.retry(clientId)
  }

  /** Deletes a stranded command. */
  discard(clientId) {
    this.#commands.discard(clientId)
  }

  /** Notes that the message of a command exists: if the command is stranded, it was not lost after all. */
  confirm(clientId) {
    this.#commands.confirm(clientId)
  }

  #receive(event) {
    if (event.type === "reply") this.#commands.handleReply(event)
    else this.#events.emit(event.type, event)
  }
}

const session = document.querySelector("chat-room")?.dataset.session

/** The connection of this page. */
export const socket = new Socket(new Outbox(viewer()), viewer(), session)
