// <picture-editor>: where a picture is changed, over the lightbox. Beside it stands the line that says what should
// change, then the stages; then the result lies over the picture, with a slider between the two. What was made is a
// message of the stream like any other. It is loaded apart from the page (sources.js), whose bus and socket it is
// given. An entry of the history stands for it while it is open, so that Back closes it.
import { setFlag, setText, slot } from "../helpers/dom.js"
import { newId } from "../helpers/ids.js"
import { isComposing } from "../helpers/keys.js"
import { everySecond, formatClock } from "../helpers/time.js"
import { showWhole } from "../helpers/whole_picture.js"
import { renderedBalances, timeOfCredits } from "../models/balances.js"
import { ChangeDrafts } from "../models/change_drafts.js"
import { DeferredPromptStore, WAITS } from "../models/deferred_prompt_store.js"
import { PaintedMask } from "../models/painted_mask.js"
import { PictureSettings } from "../models/picture_settings.js"
import { describeBatch } from "../models/progress.js"
import { Quote } from "../models/quote.js"

const TOUCH = matchMedia("(pointer: coarse)") // where focus in a text field covers half of the screen
const WIPE = 5 // hundredths, with each press of an arrow key
const STRANDED = "Not sent: it waits in the chat for what you decide."
const SPOKEN = { queued: "Queued.", "model-loading": "Loading the model.", rendering: "Rendering." }

export class PictureEditor extends HTMLElement {
  #page = null // the page's bus and socket
  #card = null // of the picture that is changed
  #asset = "" // its file
  #asked = "" // the client_id of what was asked for last
  #made = "" // the id of the generation that came of it
  #spoken = "" // its status when it was last told
  #left = {} // what closing leads to
  #mask = null
  #drafts = null
  #settings = null
  #styled = null // when its styles are there

  connectedCallback() {
    if (this.#mask) return
    this.append(this.querySelector("template").content.cloneNode(true))
    const styles = [...this.querySelectorAll("link")]
    this.#styled = Promise.all(styles.map((link) => new Promise((done) => (link.onload = link.onerror = done))))
    this.dialog = this.querySelector("dialog")
    this.form = slot(this, "form")
    this.field = slot(this, "text")
    this.room = this.closest("chat-room")
    this.#mask = new PaintedMask(slot(this, "painted"))
    this.#settings = new PictureSettings(this.form)
    this.#drafts = new ChangeDrafts(this.room.dataset.session)
    this.form.addEventListener("submit", this.onSubmit)
    this.form.addEventListener("input", this.onInput)
    this.field.addEventListener("keydown", this.onFieldKeydown)
    this.dialog.addEventListener("click", this.onClick)
    this.dialog.addEventListener("keydown", this.onKeydown)
    this.dialog.addEventListener("close", this.onClose)
  }

  /** Opens it for a card's picture. What is being made of that is shown again; else it begins with the draft. */
  async open(card, page) {
    if (!this.#page) this.#subscribe(page)
    await this.#styled
    if (this.dialog.open || !card.file) return
    const goesOn = this.#asked && this.#asset === card.dataset.asset
    this.#card = card
    this.#asset = card.dataset.asset
    this.#left = {}
    if (!history.state?.change) history.pushState({ ...history.state, change: true }, "")
    this.dialog.showModal()
    showWhole(slot(this, "before"), card.file, () => this.#card === card)
    if (!goesOn) this.#begin()
    else if (this.dialog.dataset.step === "wait") this.#showProgress()
    this.#place()
  }

  onInput = ({ target }) => {
    if (target.name === "change") this.#exchangePrompt(target.value)
    this.#tell("")
    this.#show()
    this.#save()
  }

  onFieldKeydown = (event) => {
    if (isComposing(event) || event.key !== "Enter" || event.shiftKey) return
    event.preventDefault()
    if (!event.repeat) this.form.requestSubmit() // a key that is held sends once
  }

  // Between the two pictures, wherever the focus is; the slider has these keys by itself.
  onKeydown = (event) => {
    const by = { ArrowLeft: -WIPE, ArrowRight: WIPE }[event.key]
    const range = slot(this, "range")
    if (!by || this.dialog.dataset.step !== "result" || event.target === range) return
    if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    range.value = Number(range.value) + by
    range.dispatchEvent(new Event("input"))
  }

  onClick = ({ target }) => {
    this.#actions[target.closest("[data-action]")?.dataset.action]?.()
  }

  #actions = {
    close: () => this.dialog.close(),
    part: () => this.#paintPart(),
    whole: () => this.#setMask(""),
    cancel: () => this.#result?.run("cancel"),
    keep: () => this.#keep(),
    again: () => this.#send("generation.retry", { generation_id: this.#made }),
    back: () => this.dialog.close(),
  }

  onSubmit = (event) => {
    event.preventDefault()
    if (this.dialog.dataset.step !== "ask") return
    const quote = this.#quote()
    const { request, problems, deferred } = quote
    if (problems.length) this.#refuse(problems.join(" "))
    else if (deferred) this.#defer(quote)
    else this.#send("generation.create", request)
  }

  // The result has been seen, and the words are there for another try; what is still being made is found again.
  onClose = () => {
    if (this.dialog.dataset.step === "result") {
      if (!this.#left.then) this.#save()
      this.#forget()
    }
    if (!history.state?.change) return this.#left.then?.()
    setFlag(this, "data-local-leaving", true)
    addEventListener("popstate", () => this.#onEntryLeft(), { once: true })
    history.back()
  }

  #onEntryLeft() {
    setFlag(this, "data-local-leaving", false)
    this.#left.then?.()
  }

  #subscribe(page) {
    const { bus, socket } = (this.#page = page)
    socket.on("credits", () => this.#show())
    bus.on("permissions-changed", () => this.#show())
    bus.on("connection-state", () => this.#showProgress())
    for (const event of ["stage-shown", "generation-done", "generation-ended"]) {
      bus.on(event, () => this.#showProgress())
    }
    bus.on("command-stranded", ({ command }) => command.client_id === this.#asked && this.#fail(STRANDED))
    bus.on("picture-removed", (card) => this.#onRemoved(card))
    everySecond(() => this.#show())
  }

  #begin() {
    this.#forget()
    const { width, height } = this.#card.dataset
    const draft = this.#drafts.load(this.#asset)
    const change = this.querySelector('[name="change"]:enabled')?.value
    const side = Math.min(Math.max(width, height), Number(this.dataset.largest))
    this.#settings.restore({ change, strength: "", mask: "", ...draft?.settings })
    const shape = { ratio: `${width}:${height}`, size: String(side) }
    this.#settings.restore({ source_asset_id: this.#asset, count: "1", ...shape })
    this.field.value = draft?.text ?? this.#promptFor(change)
    this.#tell("")
    this.#showStep("ask")
    this.#showMask()
  }

  // An edit is told what to do, a variation what to show.
  #promptFor(change) {
    return change === "edit" ? "" : slot(this.#card.cloneDetails()[0], "prompt").textContent
  }

  // Unless something else was typed.
  #exchangePrompt(change) {
    const other = change === "edit" ? "variation" : "edit"
    if (this.field.value.trim() === this.#promptFor(other)) this.field.value = this.#promptFor(change)
  }

  #quote() {
    const { status, mayGenerate } = this.room.dataset
    return new Quote(this.#settings.request("image", this.field.value.trim()), {
      expired: status === "expired",
      mayGenerate: mayGenerate === "yes",
      uploading: false, // the picture is there
      balance: renderedBalances().image,
      maxCount: 1,
      plan: this.dataset.plan,
    })
  }

  // The price and what prevents it, as they are now.
  #show() {
    if (!this.dialog.open) return
    const { request, label, obstacles, problems, deferred, balance } = this.#quote()
    setText(slot(this, "label"), this.#label(request))
    setText(slot(this, "price"), label)
    setText(slot(this, "reasons"), obstacles.join(" "))
    slot(this, "create").setAttribute("aria-disabled", String(problems.length > 0))
    setFlag(slot(this, "create"), "data-defers", deferred)
    slot(this, "strengths").hidden = request.change !== "variation"
    setText(slot(this, "part-words"), request.mask ? "Paint the part" : "Only a part")
    slot(this, "whole").hidden = !request.mask
    setText(slot(this, "again-price"), againLabel(balance))
    slot(this, "again").disabled = balance.left < 1
  }

  #label({ change, mask }) {
    if (mask) return "What should be there?"
    return change === "edit" ? "What should change?" : "Describe the picture"
  }

  #paintPart() {
    const subject = { asset: this.#asset, mask: this.#settings.values.mask }
    const keep = (mask) => this.#setMask(mask)
    this.#page.bus.emit("paint-part", { ...subject, keep, tell: (text) => this.#tell(text) })
  }

  #setMask(mask) {
    this.#settings.set("mask", mask)
    this.#showMask()
    this.#save()
    if (slot(this, "whole").hidden) slot(this, "part").focus()
  }

  #showMask() {
    const { width, height } = this.#card.dataset
    this.#mask.open({ width, height }, this.#settings.values.mask).catch(() => this.#settings.set("mask", ""))
    this.#show()
  }

  #save() {
    const { change, strength, mask } = this.#settings.values
    this.#drafts.save(this.#asset, { text: this.field.value, settings: { change, strength, mask } })
  }

  // Where it is waited for, and can be edited or cancelled, is above the message box.
  #defer({ request, balance }) {
    if (new DeferredPromptStore(this.room.dataset.session).value) return this.#refuse(WAITS)
    this.#page.bus.emit("defer-prompt", { ...request, settings: this.#settings.values })
    this.#drafts.remove(this.#asset)
    this.#begin()
    const time = timeOfCredits(balance, 1)
    const when = time ? `at ${time}` : "when a credit is back"
    setText(slot(this, "told"), `It runs ${when}, and waits above the messages' box.`)
  }

  // What was asked for under this key is one result, however often it is sent.
  async #send(type, fields) {
    const before = this.#made
    const asked = (this.#asked = newId())
    this.#made = this.#spoken = ""
    this.#tell("")
    this.#showStep("wait")
    const answer = this.#page.socket.send(type, { client_id: asked, ...fields }, ({ message }) => {
      if (asked !== this.#asked) return false // the composer tells it
      if (!this.dialog.open) return this.#forget()
      this.#made = before
      this.#fail(message)
      return true
    })
    const made = await answer.catch(() => null)
    if (!made || asked !== this.#asked) return
    this.#drafts.remove(this.#asset)
    this.#made = (made.generation ?? made.message.generations[0]).id
    this.#showProgress()
  }

  get #result() {
    return this.#made && document.getElementById(`generation_${this.#made}`)
  }

  #showProgress() {
    if (this.dialog.dataset.step !== "wait" || !this.#asked) return
    const card = this.#result
    slot(this, "cancel").hidden = !card
    slot(this, "bar").hidden = true
    if (!card) return setText(slot(this, "words"), this.#sending)
    if (card.ended) return this.#showEnd(card)
    const { stage } = card
    setText(slot(this, "words"), describeBatch([stage]))
    slot(this, "bar").hidden = !(stage.status === "rendering" && stage.fraction >= 0)
    slot(this, "bar").value = stage.fraction ?? 0
    this.#speak(stage.status, SPOKEN[stage.status])
  }

  get #sending() {
    return this.#page.socket.state === "live" ? "Sending …" : "Goes out when the connection is back"
  }

  // The seconds change all the time: what is spoken is only where it is.
  #speak(status, words) {
    if (this.#spoken !== status) setText(slot(this, "told"), words)
    this.#spoken = status
  }

  #showEnd(card) {
    if (!card.file) return this.#fail(reasonOf(card))
    const made = this.#made
    showWhole(slot(this, "after"), card.file, () => this.#made === made)
    this.#speak("done", "Picture ready.")
    this.#showStep("result")
  }

  // The words and the part are there to be tried again; or the result that there was before.
  #fail(words) {
    const card = this.#result
    if (card?.file) return this.#showStep("result"), this.#tell(words)
    this.#forget()
    this.#save()
    this.#showStep("ask")
    this.#tell(words)
  }

  #refuse(words) {
    this.#tell(words)
    this.field.focus()
  }

  #tell(words) {
    slot(this, "problem").hidden = !words
    setText(slot(this, "problem"), words)
    setText(slot(this, "told"), "")
  }

  #forget() {
    this.#asked = this.#made = this.#spoken = ""
  }

  // The result is the picture that is shown.
  #keep() {
    const card = this.#result
    this.#left.then = () => card?.file && this.#page.bus.emit("open-picture", card)
    this.dialog.close()
  }

  #onRemoved(card) {
    if (!this.dialog.open) return
    if (card === this.#card) this.dialog.close()
    else if (card.dataset.id === this.#made) this.#fail("What was made of it is deleted.")
  }

  #showStep(step) {
    this.dialog.dataset.step = step
    this.#show()
    const { activeElement: focused } = document
    if (this.dialog.open && !(this.dialog.contains(focused) && focused.checkVisibility())) this.#place()
  }

  // The focus, where the step is done.
  #place() {
    const { step } = this.dialog.dataset
    const field = TOUCH.matches ? slot(this, "title") : this.field
    ;({ ask: field, wait: slot(this, "wait"), result: slot(this, "range") })[step].focus()
  }
}

// Why nothing came of it, as its tile says.
function reasonOf(card) {
  return slot(card, "reason")?.textContent.replace(/\s+/g, " ").trim() ?? ""
}

function againLabel({ left, next_at: next }) {
  if (left < 1) return next ? `Again at ${formatClock(next)}` : "No credits"
  return `Again · 1 of ${left} ${left === 1 ? "credit" : "credits"}`
}

customElements.define("picture-editor", PictureEditor)
