// <message-composer>: where messages are written. Image and video mode add the row of settings, keep the text, and show
// the price on the button. While a question of one's own is being answered the button stops the answer.
import { bus } from "../bus.js"
import { setText, slot } from "../helpers/dom.js"
import { inFirstFrame } from "../helpers/first_frame.js"
import { newId } from "../helpers/ids.js"
import { isComposing } from "../helpers/keys.js"
import { lengthProblem } from "../helpers/text.js"
import { renderedBalances } from "../models/balances.js"
import { DeferredPromptStore, WAITS } from "../models/deferred_prompt_store.js"
import { Drafts } from "../models/drafts.js"
import { PictureSettings } from "../models/picture_settings.js"
import { Quote } from "../models/quote.js"
import { setAsked } from "../models/usual_duration.js"
import { socket } from "../socket.js"

const TYPING_EVERY_MS = 3000 // a typing notice expires after five seconds
const NARROW = matchMedia("(max-width: 40rem)")
const SLASH = /^\/(image|video)(?:\s+|$)/
// Where a focused text box covers nothing and single keys would go nowhere else.
const KEYBOARD = matchMedia("(pointer: fine) and (hover: hover)")
const HINT = "Enter sends · Shift+Enter breaks"
const NO_SOURCE = { source_asset_id: "", change: "", strength: "", mask: "" }
const LABELS = { text: "Message", image: "Describe the picture", video: "Describe the clip" }

export class MessageComposer extends HTMLElement {
  #subscriptions = []
  #balances = {}
  #drafts = null
  #deferred = null
  #settings = null
  #answers = new Set() // the replies to own questions that are being written, by id
  #typedAt = -TYPING_EVERY_MS
  #members = 1
  #uploading = false
  #obstacle = "" // why a prompt was not sent, for as long as that holds

  connectedCallback() {
    this.room = this.closest("chat-room")
    this.form = slot(this, "form")
    this.field = slot(this, "text")
    this.#drafts = new Drafts(this.room.dataset.session)
    this.#deferred = new DeferredPromptStore(this.room.dataset.session)
    this.#settings = new PictureSettings(this.form)
    this.#balances = renderedBalances()
    this.#members = Number(this.dataset.members)
    this.#subscriptions = [
      socket.on("credits", (balances) => this.#setBalances(balances)),
      socket.on("session", ({ session }) => (this.#members = session.members.length)),
      bus.on("permissions-changed", () => this.#show()),
      bus.on("compose", (request) => this.#compose(request)),
      bus.on("command-refused", (error) => error.told || this.#restoreRefused(error)),
      bus.on("deferred-prompt-changed", () => this.#show()),
      bus.on("reply-streaming", (reply) => this.#followAnswer(reply)),
      bus.on("escape", () => this.#escape()),
      bus.on("uploading", (on) => this.#setUploading(on)),
    ]
    this.addEventListener("click", this.onClick)
    this.form.addEventListener("submit", this.onSubmit)
    this.form.addEventListener("input", this.onInput)
    this.field.addEventListener("compositionend", this.onInput)
    this.field.addEventListener("keydown", this.onKeydown)
    this.#restore()
    // A link to a message leads there, and the cursor would lead away.
    // To focus lays the page out, which the other elements are still about to change.
    inFirstFrame(() => queueMicrotask(() => this.#focusAtFirst()))
  }

  #focusAtFirst() {
    const free = document.activeElement === document.body
    if (free && KEYBOARD.matches && !location.hash) this.field.focus({ preventScroll: true })
  }

  disconnectedCallback() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
  }

  get mode() {
    return this.dataset.mode
  }

  set mode(mode) {
    this.dataset.mode = mode
    this.#showProblem("")
    this.#show()
    this.#save()
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    this.#actions[button?.dataset.action]?.(button)
  }

  #actions = {
    mode: (button) => this.#edit(this.mode === button.dataset.mode ? "text" : button.dataset.mode),
    improve: () => this.#improve(),
  }

  onInput = ({ isComposing: composing }) => {
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
      if (!event.repeat) this.form.requestSubmit() // a key that is held sends once
    }
    if (event.key === "Escape") this.#escape()
    if (event.altKey && event.code === "KeyI") this.#improveByKey(event)
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.#recall(event)
  }

  onSubmit = (event) => {
    event.preventDefault()
    if (event.submitter?.dataset.does === "stop") return this.#stopAnswers()
    const slash = SLASH.exec(this.field.value)
    if (slash && this.mode === "text") return this.#edit(slash[1], this.field.value.slice(slash[0].length))
    if (this.mode === "text") this.#sendText()
    else this.#create()
  }

  get #text() {
    return this.field.value.trim()
  }

  #sendText() {
    if (!this.#text || this.#closed || this.#lengthProblem) return
    const text = this.field.value.trimEnd() // the server decides whether the first line stays indented
    socket.send("message.create", { client_id: newId(), text }).catch(() => {})
    this.#clear(text)
  }

  // Without enough credits the prompt waits, and is sent when they are back.
  #create() {
    const { request, problems, deferred } = this.#quote()
    if (problems.length) {
      this.#refuse(problems)
      this.#obstacle = problems.join(" ")
      this.#show()
    } else if (deferred) this.#defer(request)
    else {
      socket.send("generation.create", { client_id: newId(), ...request }).catch(() => {})
      this.#clearPrompt(request)
    }
  }

  #refuse(problems) {
    this.#showProblem(problems.join(" "))
    this.field.focus()
  }

  #defer(request) {
    if (this.#deferred.value) return this.#refuse([WAITS])
    bus.emit("defer-prompt", { ...request, settings: this.#settings.values })
    this.#clearPrompt(request)
  }

  // The settings stay for the next prompt; which picture it is made from is said each time.
  #clearPrompt({ prompt }) {
    this.#settings.restore(NO_SOURCE)
    this.#clear(prompt)
  }

  #quote() {
    const { status, mayGenerate } = this.room.dataset
    const { maxCount, plan, mode } = this.dataset
    return new Quote(this.#settings.request(mode, this.#text), {
      expired: status === "expired",
      mayGenerate: mayGenerate === "yes",
      uploading: this.#uploading,
      balance: this.#balances[mode],
      maxCount: Number(maxCount),
      plan,
    })
  }

  // The one key that leaves: an answer that is being written, then the mode, then the text box.
  #escape() {
    if (this.#answers.size) this.#stopAnswers()
    else if (this.mode === "text") this.field.blur()
    else this.#leaveMode()
  }

  // The setting that may have the focus is hidden with the mode.
  #leaveMode() {
    const hadFocus = this.contains(document.activeElement)
    this.mode = "text"
    if (hadFocus) this.field.focus()
  }

  #followAnswer({ id, streaming }) {
    if (this.#answers.has(id) === streaming) return
    if (streaming) this.#answers.add(id)
    else this.#answers.delete(id)
    this.#show()
  }

  #stopAnswers() {
    for (const id of this.#answers) socket.send("message.stop", { message_id: id }).catch(() => {})
    this.#answers.clear()
    this.#show()
  }

  get #closed() {
    return this.room.dataset.status === "expired"
  }

  // Shows the mode, the price and the problems as they are now.
  #show() {
    const generating = this.mode !== "text"
    slot(this, "settings").hidden = !generating
    slot(this, "improve")?.toggleAttribute("hidden", !generating)
    slot(this, "closed").hidden = !this.#closed
    this.form.hidden = this.#closed
    this.#showUnsent(this.#closed ? this.#text : "")
    setText(slot(this, "label"), LABELS[this.mode])
    this.field.placeholder = generating ? this.#promptPlaceholder : this.#messagePlaceholder
    for (const button of this.querySelectorAll(".composer__mode")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode))
    }
    if (generating) this.#showQuote()
    else this.#showTextState()
    this.#tellSettings()
  }

  #tellSettings() {
    setAsked(this.#settings.request(this.mode === "text" ? "image" : this.mode, ""))
    bus.emit("settings-changed")
  }

  // What was being typed when the time was up.
  #showUnsent(text) {
    slot(this, "unsent").hidden = !text
    setText(slot(this, "unsent-words"), text)
  }

  #showTextState() {
    const problem = this.#lengthProblem
    const problems = problem ? [problem] : this.#text ? [] : ["Write something first."]
    if (this.#answers.size && !this.#text) this.#showButton("Stop", [], "stop")
    else this.#showButton("Send", problems, "send")
    this.#showHint(problem, HINT)
    this.#showOffer(null)
  }

  // Text beyond the limit is kept, so that its author can shorten it.
  get #lengthProblem() {
    return lengthProblem(this.field.value, Number(this.field.dataset.most))
  }

  get #promptPlaceholder() {
    const { change, mask } = this.mode === "image" ? this.#settings.values : {}
    if (mask) return "What should be there?"
    if (change === "edit") return "What should change?"
    return NARROW.matches ? LABELS[this.mode] : `${LABELS[this.mode]} you want to see`
  }

  // With one person in the session the assistant answers every message, otherwise only when it is addressed.
  get #messagePlaceholder() {
    const { alone, among, brief } = this.field.dataset
    if (this.#members < 2) return alone
    return NARROW.matches ? brief : among
  }

  #showQuote() {
    const quote = this.#quote()
    if (this.#obstacle && this.#obstacle !== quote.problems.join(" ")) this.#showProblem("") // it has passed
    slot(this, "settings").show(quote.request)
    this.#showButton(quote.label, quote.problems, quote.deferred ? "defer" : "create")
    this.#showHint(quote.obstacles.join(" "), "Esc goes back to words")
    this.#showOffer(quote.lacksCredits ? this.mode : null)
  }

  // Beside the button: what is wrong with what was typed or chosen, unless it is said above it; otherwise what the keys
  // do.
  #showHint(problem, hint) {
    const news = problem === slot(this, "problem").textContent ? "" : problem
    setText(slot(this, "hint"), news || hint)
    this.toggleAttribute("data-problem", Boolean(news))
  }

  #showOffer(kind) {
    for (const offer of this.querySelectorAll("[data-offer]")) offer.hidden = offer.dataset.offer !== kind
  }

  #showButton(label, problems, does) {
    const send = slot(this, "send")
    setText(slot(this, "price"), label)
    setText(slot(this, "reasons"), problems.join(" "))
    send.setAttribute("aria-disabled", String(problems.length > 0))
    send.title = problems.join(" ")
    send.dataset.does = does
  }

  #edit(mode, text) {
    if (text !== undefined) this.field.value = text
    if (mode) this.mode = mode
    this.field.focus()
  }

  // Alt+Up recalls the text that it replaces. With `send`, a prompt offered in the stream is sent at once, as one
  // picture.
  #compose({ mode, text, settings, send, stays }) {
    if (text && this.#text) this.#drafts.addSent(this.#text)
    this.#settings.restore(settings)
    if (stays) this.mode = this.mode // without the focus
    else this.#edit(mode, text)
    if (!send) return
    this.#settings.set("count", "1")
    this.#show()
    this.form.requestSubmit()
  }

  #improveByKey(event) {
    event.preventDefault()
    if (this.mode !== "text") this.#improve()
  }

  async #improve() {
    const button = slot(this, "improve")
    if (!button || button.ariaBusy === "true") return
    const prompt = this.#text
    if (!prompt) return this.field.focus()
    this.#showImproving(button, true)
    const improved = await socket.send("prompt.improve", { prompt }).catch(() => null)
    this.#showImproving(button, false)
    if (!improved || this.#text !== prompt) return
    this.#replace(improved.prompt)
    bus.emit("toast", { kind: "improved", text: "Prompt improved.", undo: () => this.#replace(prompt) })
  }

  #showImproving(button, on) {
    button.ariaBusy = String(on)
    setText(slot(this, "improving"), on ? "Improving …" : "")
  }

  // Alt+Up recalls what stood there.
  #replace(text) {
    this.#drafts.addSent(this.#text)
    this.#edit(null, text)
    this.#show()
    this.#save()
  }

  #setBalances(balances) {
    this.#balances = balances
    this.#show()
  }

  #setUploading(on) {
    this.#uploading = on
    this.#showProblem("")
    this.#show()
  }

  // Puts the text of a refused command back into the empty box, with the reason beside it.
  #restoreRefused({ command, message }) {
    if (command.type !== "message.create" && command.type !== "generation.create") return
    if (!this.#text) {
      this.field.value = command.text ?? command.prompt
      this.#settings.restore(command) // its source is not among the settings any more
      this.mode = command.kind ?? "text"
    }
    this.#showProblem(message)
    this.#save()
  }

  #showProblem(problem) {
    this.#obstacle = ""
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
    bus.emit("toast-withdrawn", "improved") // what was sent cannot be undone
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
