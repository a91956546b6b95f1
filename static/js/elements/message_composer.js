// <message-composer>: where one writes. Picture mode opens in place, keeps the words, and shows its price before it is pressed.
import { slot, write } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { composing } from "../helpers/keys.js"
import { tooMuch } from "../helpers/text.js"
import { everySecond } from "../helpers/time.js"
import { live } from "../live.js"
import { drawnBalances } from "../models/balances.js"
import { Drafts } from "../models/drafts.js"
import { Offer } from "../models/offer.js"
import { order } from "../models/order.js"

const TYPING_EVERY_MS = 3000 // the others forget a name after five seconds
const NARROW = matchMedia("(max-width: 40rem)")
const SLASH = /^\/(image|video)(?:\s+|$)/
const NO_FILES = "Files cannot be sent here. Describe in words what you want to see."
const LABELS = { text: "Message", image: "Describe the picture", video: "Describe the clip" }

export class MessageComposer extends HTMLElement {
  #off = []
  #balances = {}
  #drafts = null
  #typedAt = -TYPING_EVERY_MS
  #people = 1

  connectedCallback() {
    this.room = this.closest("chat-room")
    this.form = slot(this, "form")
    this.field = slot(this, "text")
    this.#drafts = new Drafts(this.room.dataset.session)
    this.#balances = drawnBalances()
    this.#people = document.querySelectorAll("#details [data-member]").length
    this.#off = [
      live.on("credits", (event) => this.#learn(event)),
      live.on("session", ({ session }) => (this.#people = session.members.length)),
      live.on("rights", () => this.show()),
      live.on("compose", (wish) => this.#compose(wish)),
      live.on("refused", (refusal) => this.#giveBack(refusal)),
      live.on("ran", ({ prompt }) => this.field.value.trim() === prompt && this.#clear(prompt)),
      everySecond(() => this.dataset.later === "yes" && this.#showOffer()),
    ]
    this.addEventListener("click", this.press)
    this.form.addEventListener("submit", this.submit)
    this.form.addEventListener("input", this.input)
    this.field.addEventListener("compositionend", this.input)
    this.form.addEventListener("change", () => this.show())
    this.field.addEventListener("keydown", this.key)
    this.field.addEventListener("paste", this.paste)
    this.#restore()
  }

  disconnectedCallback() {
    this.#off.forEach((off) => off())
  }

  get mode() {
    return this.dataset.mode
  }

  set mode(mode) {
    this.dataset.mode = mode
    this.show()
    this.#save()
    if (mode !== "text") this.querySelector('[name="style"]:checked').closest("label").scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  press = (event) => {
    const button = event.target.closest("[data-action]")
    this.#actions[button?.dataset.action]?.(button)
  }

  #actions = {
    mode: (button) => this.#turn(this.mode === button.dataset.mode ? "text" : button.dataset.mode),
    dice: () => this.#throwSeed(),
    improve: (button) => this.#improve(button),
    more: (button) => this.#showMore(button.getAttribute("aria-expanded") !== "true"),
  }

  input = ({ target, isComposing }) => {
    if (target.dataset.for) this.form.elements[target.dataset.for].value = target.value
    const slash = SLASH.exec(this.field.value)
    if (slash && !isComposing && this.field.value.length > slash[0].trimEnd().length) {
      this.field.value = this.field.value.slice(slash[0].length)
      this.mode = slash[1]
    }
    this.#say("")
    this.#mentionTyping()
    this.show()
    this.#save()
  }

  key = (event) => {
    if (composing(event)) return
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault()
      this.form.requestSubmit()
    }
    if (event.key === "Escape" && this.mode !== "text") this.mode = "text"
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.#recall(event)
  }

  // Words go in as words, however they were set; files have nowhere to go yet, and it says so.
  paste = (event) => {
    const { files, types } = event.clipboardData
    if (!files.length || types.includes("text/plain")) return
    event.preventDefault()
    this.#say(NO_FILES)
  }

  submit = (event) => {
    event.preventDefault()
    const slash = SLASH.exec(this.field.value)
    if (slash && this.mode === "text") return this.#turn(slash[1], this.field.value.slice(slash[0].length))
    if (this.mode === "text") this.#sendText()
    else this.#create()
  }

  #sendText() {
    const text = this.field.value.trim()
    if (!text || this.#closed || this.#excess) return
    this.#clear(text)
    live.send("message.create", { client_id: newId(), text }).catch(() => {})
  }

  // Without credits one press keeps the wish, and it runs by itself when they are back.
  #create() {
    const { wanted, against, later } = this.#offer()
    if (against.length) return this.field.focus()
    if (later) return live.emit("arm", wanted)
    this.#clear(wanted.prompt)
    if (NARROW.matches) this.mode = "text" // the settings would hide the picture that is being made
    live.send("generation.create", { client_id: newId(), ...wanted }).catch(() => {})
  }

  #offer() {
    const { status, mayGenerate } = this.room.dataset
    const { maxCount, plan, mode } = this.dataset
    const wanted = order(mode, this.field.value.trim(), new FormData(this.form))
    const rights = { expired: status === "expired", mayGenerate: mayGenerate === "yes" }
    return new Offer(wanted, { ...rights, balance: this.#balances[mode], maxCount: Number(maxCount), plan })
  }

  get #closed() {
    return this.room.dataset.status === "expired"
  }

  // Shows mode, price and reasons as they now are.
  show() {
    const making = this.mode !== "text"
    slot(this, "picture-settings").hidden = !making
    slot(this, "improve")?.toggleAttribute("hidden", !making)
    slot(this, "closed").hidden = !this.#closed
    this.form.hidden = this.#closed
    write(slot(this, "label"), LABELS[this.mode])
    this.field.placeholder = making ? `${LABELS[this.mode]}${NARROW.matches ? "" : " you want to see"}` : this.#invitation
    for (const select of this.querySelectorAll("[data-for]")) select.value = this.form.elements[select.dataset.for].value
    for (const button of this.querySelectorAll(".composer__mode")) button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode))
    slot(this, "reasons").hidden = !making && !this.#excess
    if (making) this.#showOffer()
    else this.#showText()
  }

  #showText() {
    const excess = this.#excess
    this.#offerWords("Send", excess ? [excess] : this.field.value.trim() ? [] : ["Write something first."], false)
    write(slot(this, "reasons"), excess)
    this.toggleAttribute("data-over", Boolean(excess))
  }

  // What is pasted beyond the limit stays, to be shortened: nothing is cut without a word.
  get #excess() {
    return tooMuch(this.field.value, Number(this.field.dataset.most))
  }

  // Alone, the assistant answers by itself; among people it waits to be called.
  get #invitation() {
    const { alone, among, brief } = this.field.dataset
    if (this.#people < 2) return alone
    return NARROW.matches ? brief : among
  }

  #showMore(on) {
    slot(this, "fields").hidden = !on
    slot(this, "more").setAttribute("aria-expanded", String(on))
  }

  #showOffer() {
    const offer = this.#offer()
    this.#offerWords(offer.label, offer.against, offer.later)
    write(slot(this, "reasons"), offer.advice)
  }

  #offerWords(label, against, later) {
    const send = slot(this, "send")
    write(slot(this, "price"), label)
    send.setAttribute("aria-disabled", String(against.length > 0))
    send.title = against.join(" ")
    this.dataset.later = later ? "yes" : "no"
  }

  #turn(mode, text) {
    if (text !== undefined) this.field.value = text
    if (mode) this.mode = mode
    this.field.focus()
  }

  // A prompt offered in the stream is sent with one press, alone, as its button says.
  #compose({ mode, text, send }) {
    if (send && this.field.value.trim()) this.#drafts.remember(this.field.value.trim()) // Alt+Up brings it back
    this.#turn(mode, text)
    if (!send) return
    this.form.elements.count.value = "1"
    this.show()
    this.form.requestSubmit()
  }

  async #improve(button) {
    const prompt = this.field.value.trim()
    if (!prompt) return this.field.focus()
    button.disabled = true
    const better = await live.send("prompt.improve", { prompt }).catch(() => null)
    button.disabled = false
    if (!better || this.field.value.trim() !== prompt) return
    this.#drafts.remember(prompt) // Alt+Up brings it back
    this.#turn(null, better.prompt)
    this.show()
    this.#save()
  }

  #throwSeed() {
    this.form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0]
    this.#save()
  }

  #learn(balances) {
    this.#balances = balances
    this.show()
  }

  // What was refused comes back into the box, with the reason beside it.
  #giveBack({ command, message }) {
    if (command.type !== "message.create" && command.type !== "generation.create") return
    if (!this.field.value.trim()) {
      this.field.value = command.text ?? command.prompt
      this.mode = command.kind ?? "text"
    }
    this.#say(message)
    this.#save()
  }

  #say(words) {
    slot(this, "problem").hidden = !words
    write(slot(this, "problem"), words)
  }

  #mentionTyping() {
    if (this.mode !== "text" || performance.now() - this.#typedAt < TYPING_EVERY_MS) return
    this.#typedAt = performance.now()
    live.mention("typing")
  }

  #recall(event) {
    const text = this.#drafts.recall(event.key === "ArrowUp" ? 1 : -1, this.field.value)
    event.preventDefault()
    if (text === null) return
    this.field.value = text
    this.show()
  }

  #clear(text) {
    this.#drafts.remember(text)
    this.field.value = ""
    this.#typedAt = -TYPING_EVERY_MS
    this.#say("")
    this.show()
    this.#save()
  }

  #save() {
    const settings = Object.fromEntries(new FormData(this.form))
    this.#drafts.save({ text: this.field.value, mode: this.mode, settings })
  }

  #restore() {
    const draft = this.#drafts.load()
    if (draft) {
      this.field.value = draft.text
      fill(this.form, draft.settings)
      this.dataset.mode = draft.mode
    }
    this.show()
  }
}

function fill(form, settings = {}) {
  for (const [name, value] of Object.entries(settings)) {
    const field = form.elements[name]
    if (field instanceof RadioNodeList) [...field].filter((each) => each.value === value && !each.disabled).forEach((each) => (each.checked = true))
    else if (field) field.value = value
  }
}

customElements.define("message-composer", MessageComposer)
