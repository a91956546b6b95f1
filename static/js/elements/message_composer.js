// <message-composer>: where messages are written. Image and video mode open the settings in place, keep the text, and
// show the price on the button.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { isComposing } from "../helpers/keys.js"
import { lengthProblem } from "../helpers/text.js"
import { everySecond } from "../helpers/time.js"
import { renderedBalances } from "../models/balances.js"
import { Drafts } from "../models/drafts.js"
import { PictureSettings } from "../models/picture_settings.js"
import { Quote } from "../models/quote.js"
import { socket } from "../socket.js"

const TYPING_EVERY_MS = 3000 // a typing notice expires after five seconds
const NARROW = matchMedia("(max-width: 40rem)")
const SLASH = /^\/(image|video)(?:\s+|$)/
const NO_FILES = "Files cannot be sent here. Describe in words what you want to see."
const LABELS = { text: "Message", image: "Describe the picture", video: "Describe the clip" }

export class MessageComposer extends HTMLElement {
  #subscriptions = []
  #balances = {}
  #drafts = null
  #settings = null
  #typedAt = -TYPING_EVERY_MS
  #members = 1

  connectedCallback() {
    this.room = this.closest("chat-room")
    this.form = slot(this, "form")
    this.field = slot(this, "text")
    this.#drafts = new Drafts(this.room.dataset.session)
    this.#settings = new PictureSettings(this.form)
    this.#balances = renderedBalances()
    this.#members = Number(this.dataset.members)
    this.#subscriptions = [
      socket.on("credits", (balances) => this.#setBalances(balances)),
      socket.on("session", ({ session }) => (this.#members = session.members.length)),
      bus.on("permissions-changed", () => this.#show()),
      bus.on("compose", (request) => this.#compose(request)),
      bus.on("command-refused", (error) => this.#restoreRefused(error)),
      bus.on("deferred-prompt-sent", ({ prompt }) => this.#text === prompt && this.#clear(prompt)),
      everySecond(() => this.dataset.deferred === "yes" && this.#showQuote()),
    ]
    this.addEventListener("click", this.onClick)
    this.form.addEventListener("submit", this.onSubmit)
    this.form.addEventListener("input", this.onInput)
    this.field.addEventListener("compositionend", this.onInput)
    this.form.addEventListener("change", () => this.#show())
    this.field.addEventListener("keydown", this.onKeydown)
    this.field.addEventListener("paste", this.onPaste)
    this.#restore()
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  get mode() {
    return this.dataset.mode
  }

  set mode(mode) {
    this.dataset.mode = mode
    this.#show()
    this.#save()
    if (mode === "text") return
    const style = this.querySelector('[name="style"]:checked').closest("label")
    style.scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    this.#actions[button?.dataset.action]?.(button)
  }

  #actions = {
    mode: (button) => this.#edit(this.mode === button.dataset.mode ? "text" : button.dataset.mode),
    dice: () => this.#randomizeSeed(),
    improve: (button) => this.#improve(button),
    more: (button) => this.#showMore(button.getAttribute("aria-expanded") !== "true"),
  }

  onInput = ({ target, isComposing: composing }) => {
    this.#settings.copyFrom(target)
    const slash = SLASH.exec(this.field.value)
    if (slash && !composing && this.field.value.length > slash[0].trimEnd().length) {
      this.field.value = this.field.value.slice(slash[0].length)
      this.mode = slash[1]
    }
    this.#showProblem("")
    this.#notifyTyping()
    this.#show()
    this.#save()
  }

  onKeydown = (event) => {
    if (isComposing(event)) return
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault()
      this.form.requestSubmit()
    }
    if (event.key === "Escape" && this.mode !== "text") this.mode = "text"
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.#recall(event)
  }

  // Formatted text is pasted as plain text. Files cannot be sent yet, and the composer says so.
  onPaste = (event) => {
    const { files, types } = event.clipboardData
    if (!files.length || types.includes("text/plain")) return
    event.preventDefault()
    this.#showProblem(NO_FILES)
  }

  onSubmit = (event) => {
    event.preventDefault()
    const slash = SLASH.exec(this.field.value)
    if (slash && this.mode === "text") return this.#edit(slash[1], this.field.value.slice(slash[0].length))
    if (this.mode === "text") this.#sendText()
    else this.#create()
  }

  get #text() {
    return this.field.value.trim()
  }

  #sendText() {
    const text = this.#text
    if (!text || this.#closed || this.#lengthProblem) return
    this.#clear(text)
    socket.send("message.create", { client_id: newId(), text }).catch(() => {})
  }

  // Without enough credits the prompt is kept, and sent when they are back.
  #create() {
    const { request, problems, deferred } = this.#quote()
    if (problems.length) return this.field.focus()
    if (deferred) return bus.emit("defer-prompt", request)
    this.#clear(request.prompt)
    if (NARROW.matches) this.mode = "text" // the settings would cover the picture that is being made
    socket.send("generation.create", { client_id: newId(), ...request }).catch(() => {})
  }

  #quote() {
    const { status, mayGenerate } = this.room.dataset
    const { maxCount, plan, mode } = this.dataset
    return new Quote(this.#settings.request(mode, this.#text), {
      expired: status === "expired",
      mayGenerate: mayGenerate === "yes",
      balance: this.#balances[mode],
      maxCount: Number(maxCount),
      plan,
    })
  }

  get #closed() {
    return this.room.dataset.status === "expired"
  }

  // Shows the mode, the price and the problems as they are now.
  #show() {
    const generating = this.mode !== "text"
    slot(this, "picture-settings").hidden = !generating
    slot(this, "improve")?.toggleAttribute("hidden", !generating)
    slot(this, "closed").hidden = !this.#closed
    this.form.hidden = this.#closed
    setText(slot(this, "label"), LABELS[this.mode])
    this.field.placeholder = generating ? this.#promptPlaceholder : this.#messagePlaceholder
    this.#settings.showInSelects()
    for (const button of this.querySelectorAll(".composer__mode")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode))
    }
    slot(this, "reasons").hidden = !generating && !this.#lengthProblem
    if (generating) this.#showQuote()
    else this.#showTextState()
  }

  #showTextState() {
    const problem = this.#lengthProblem
    const problems = problem ? [problem] : this.#text ? [] : ["Write something first."]
    this.#showButton("Send", problems, false)
    setText(slot(this, "reasons"), problem)
    this.toggleAttribute("data-over", Boolean(problem))
  }

  // Text beyond the limit is kept, so that its author can shorten it.
  get #lengthProblem() {
    return lengthProblem(this.field.value, Number(this.field.dataset.most))
  }

  get #promptPlaceholder() {
    return NARROW.matches ? LABELS[this.mode] : `${LABELS[this.mode]} you want to see`
  }

  // With one person in the session the assistant answers every message, otherwise only when it is addressed.
  get #messagePlaceholder() {
    const { alone, among, brief } = this.field.dataset
    if (this.#members < 2) return alone
    return NARROW.matches ? brief : among
  }

  #showMore(on) {
    slot(this, "fields").hidden = !on
    slot(this, "more").setAttribute("aria-expanded", String(on))
  }

  #showQuote() {
    const quote = this.#quote()
    this.#showButton(quote.label, quote.problems, quote.deferred)
    setText(slot(this, "reasons"), quote.advice)
  }

  #showButton(label, problems, deferred) {
    const send = slot(this, "send")
    setText(slot(this, "price"), label)
    send.setAttribute("aria-disabled", String(problems.length > 0))
    send.title = problems.join(" ")
    this.dataset.deferred = deferred ? "yes" : "no"
  }

  #edit(mode, text) {
    if (text !== undefined) this.field.value = text
    if (mode) this.mode = mode
    this.field.focus()
  }

  // With `send`, a prompt offered in the stream is sent at once, as one picture. Alt+Up recalls the text it replaces.
  #compose({ mode, text, send }) {
    if (send && this.#text) this.#drafts.addSent(this.#text)
    this.#edit(mode, text)
    if (!send) return
    this.#settings.set("count", "1")
    this.#show()
    this.form.requestSubmit()
  }

  async #improve(button) {
    const prompt = this.#text
    if (!prompt) return this.field.focus()
    button.disabled = true
    const improved = await socket.send("prompt.improve", { prompt }).catch(() => null)
    button.disabled = false
    if (!improved || this.#text !== prompt) return
    this.#drafts.addSent(prompt) // Alt+Up recalls it
    this.#edit(null, improved.prompt)
    this.#show()
    this.#save()
  }

  #randomizeSeed() {
    this.#settings.set("seed", crypto.getRandomValues(new Uint32Array(1))[0])
    this.#save()
  }

  #setBalances(balances) {
    this.#balances = balances
    this.#show()
  }

  // Puts the text of a refused command back into the empty box, with the reason beside it.
  #restoreRefused({ command, message }) {
    if (command.type !== "message.create" && command.type !== "generation.create") return
    if (!this.#text) {
      this.field.value = command.text ?? command.prompt
      this.mode = command.kind ?? "text"
    }
    this.#showProblem(message)
    this.#save()
  }

  #showProblem(problem) {
    slot(this, "problem").hidden = !problem
    setText(slot(this, "problem"), problem)
  }

  #notifyTyping() {
    if (this.mode !== "text" || performance.now() - this.#typedAt < TYPING_EVERY_MS) return
    this.#typedAt = performance.now()
    socket.sendVolatile("typing")
  }

  #recall(event) {
    const text = this.#drafts.recall(event.key === "ArrowUp" ? 1 : -1, this.field.value)
    event.preventDefault()
    if (text === null) return
    this.field.value = text
    this.#show()
  }

  #clear(text) {
    this.#drafts.addSent(text)
    this.field.value = ""
    this.#typedAt = -TYPING_EVERY_MS
    this.#showProblem("")
    this.#show()
    this.#save()
  }

  #save() {
    this.#drafts.save({ text: this.field.value, mode: this.mode, settings: this.#settings.values })
  }

  #restore() {
    const draft = this.#drafts.load()
    if (draft) {
      this.field.value = draft.text
      this.#settings.restore(draft.settings)
      this.dataset.mode = draft.mode
    }
    this.#show()
  }
}

customElements.define("message-composer", MessageComposer)
