// <source-chooser>: the popover of the composer's picture. It uploads files and says how far they are in the chip that
// cancels them, lets a picture be chosen, says what is done to it, and fills the composer from a picture that was made
// before. What it chooses, the composer keeps. It is loaded apart from the page, whose events it sends by way of
// sources.js.
import { askTwice, call, upload } from "../helpers/api.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { newId } from "../helpers/ids.js"
import { parse } from "../rendering.js"

const MOST_BYTES = 10 * 1024 * 1024
const OWN_FILE = /\/files\/([0-9a-f-]{36})\//
const OF_A_PHONE = /\.hei[cf]$/i
const LONG_MS = 500 // an upload of less is over before its progress could be read
// A screen reader hears of one when so much more has been sent, and not oftener than that.
const TOLD = 0.25
const TOLD_EVERY_MS = 4000

export class SourceChooser extends HTMLElement {
  #asked = 0
  #wanted = 0 // what was asked for last is what the composer is filled from
  #uploads = new Set() // those on their way, each with what gives it up
  #told = { fraction: 0, at: 0 }
  #appearing = null

  connectedCallback() {
    this.addEventListener("click", this.onClick)
    this.addEventListener("change", this.onChange)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.removeEventListener("change", this.onChange)
  }

  /** Shows what there is to choose from, as it is now. */
  async fill() {
    const asked = ++this.#asked
    const { source } = this.#chosen
    const address = `${location.pathname}/sources?${new URLSearchParams({ asset_id: source })}`
    const { text, again } = await fetchText(address)
    if (asked !== this.#asked) return
    if (again) throw new Error("no answer for now") // which sources.js tells
    if (!text) return source ? this.#lose() : this.hidePopover()
    const { change, strength } = this.#chosen // meanwhile, too
    this.replaceChildren(...parse(text).childNodes)
    this.#mark("source-change", change)
    this.#mark("source-strength", strength)
    this.#showStrengths(change)
  }

  /** Takes what was pasted or dropped; `address` is that of a picture of the page, which need not be uploaded. */
  offer({ files, address }) {
    if (this.dataset.refusal) return this.say(this.dataset.refusal)
    const known = OWN_FILE.exec(address)
    if (known && address.startsWith(location.origin)) return this.#choose(known[1])
    const picture = [...files].find(({ type, name }) => type.startsWith("image/") || OF_A_PHONE.test(name))
    if (!picture) return this.say("That is no picture. PNG, JPEG and WebP can be uploaded.")
    this.#upload(picture)
  }

  /** Fills the composer from a picture of any session: `use` is variation, edit, part, prompt, seed or everything. */
  async use({ use, asset }) {
    const wanted = ++this.#wanted
    const found = await call("GET", `/assets/${asset}`).catch(({ message }) => this.say(message, true))
    if (wanted !== this.#wanted) return
    if (found && (found.generation || NEED_NO_GENERATION.has(use))) FILLINGS[use]?.(found, this)
  }

  onClick = (event) => {
    if (event.target.type === "radio") event.stopPropagation() // it stays open: there are two things to choose
    const button = event.target.closest("[data-action]")
    const action = button?.dataset.action
    if (action === "choose-file") slot(this, "file").click()
    if (action === "take-photo") slot(this, "photo").click()
    if (action === "choose-upload") this.#choose(button.dataset.asset)
  }

  onChange = (event) => {
    const { name, value, type, files } = event.target
    if (type === "file" && files[0]) this.#upload(files[0])
    if (name === "source-change") this.#set({ change: value })
    if (name === "source-strength") this.#set({ strength: value })
    event.stopPropagation() // they are no fields of the prompt
  }

  /** Tells the page something. */
  emit(name, event) {
    this.dispatchEvent(new CustomEvent("source-event", { detail: [name, event] }))
  }

  /** Shows a line for a while. */
  say(text, problem = false) {
    this.emit("toast", { kind: "files", text, problem })
  }

  get #chosen() {
    const { source_asset_id: source, change, strength } = this.closest("form").elements
    return { source: source.value, change: change.value, strength: strength.value }
  }

  #set(fields) {
    this.emit("compose", { settings: fields, stays: true })
    if (fields.change) this.#showStrengths(fields.change)
  }

  #mark(name, value) {
    const radio = this.querySelector(`[name="${name}"][value="${value}"]`)
    if (radio) radio.checked = true
  }

  #showStrengths(change) {
    const strengths = slot(this, "strengths")
    if (strengths) strengths.hidden = change !== "variation"
  }

  // It was deleted, or is another person's.
  #lose() {
    this.emit("compose", { settings: source("", "") })
    this.say("That picture is not there any more.")
  }

  async #choose(asset) {
    if (this.matches(":popover-open")) this.hidePopover()
    await this.use({ use: "source", asset })
  }

  async #upload(file) {
    if (this.matches(":popover-open")) this.hidePopover()
    if (file.size > MOST_BYTES) return this.say(`${file.name} has ${megabytes(file.size)} MB. At most 10 can be sent.`)
    const wanted = ++this.#wanted
    this.emit("compose", { mode: "image" })
    this.say(`Uploading ${file.name} …`)
    const taken = await this.#send(file).catch(({ message }) => this.say(message, true))
    if (!taken) return
    if (!this.#uploads.size) this.emit("toast-withdrawn", "files")
    if (wanted === this.#wanted) takeAsSource({ asset: taken.asset }, this)
  }

  // Again where the line broke: the same client_id is taken once. Nothing where it was given up.
  async #send(file) {
    const path = `${location.pathname}/uploads?${new URLSearchParams({ client_id: newId(), name: file.name })}`
    const giveUp = new AbortController()
    const { signal } = giveUp
    const onProgress = (fraction) => this.#showProgress(file.name, fraction)
    this.#track(giveUp, true)
    try {
      return await askTwice(() => upload(path, file, { signal, onProgress }))
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#track(giveUp, false)
    }
  }

  // Until the last has come, the composer makes no picture without it.
  #track(giveUp, isOnItsWay) {
    if (isOnItsWay) this.#uploads.add(giveUp)
    else this.#uploads.delete(giveUp)
    setFlag(this, "data-local-busy", this.#uploads.size)
    this.#showUploading(this.#uploads.size > 0)
    this.emit("uploading", this.#uploads.size > 0)
  }

  get #chip() {
    return slot(this.closest("setting-chips"), "upload")
  }

  #showUploading(on) {
    const chip = this.#chip
    clearTimeout(this.#appearing)
    if (on) {
      if (chip.hidden) this.#beginProgress()
      this.#appearing = setTimeout(() => (chip.hidden = false), LONG_MS)
      return
    }
    if (document.activeElement === chip) chip.parentElement.querySelector('[data-setting="source"]').focus()
    chip.hidden = true
  }

  #beginProgress() {
    this.#told = { fraction: 0, at: performance.now() }
    this.#showProgress("", 0)
  }

  #showProgress(name, fraction) {
    setText(slot(this.#chip, "sent"), `${Math.floor(100 * fraction)} %`)
    const { fraction: before, at } = this.#told
    if (fraction === 1 || fraction - before < TOLD || performance.now() - at < TOLD_EVERY_MS) return
    this.#told = { fraction, at: performance.now() }
    this.emit("upload-slow", { name, percent: Math.floor(100 * fraction) })
  }

  /** Gives up what is being uploaded. */
  cancelUploads() {
    for (const giveUp of this.#uploads) giveUp.abort()
    this.say("The upload is cancelled.")
  }
}

const source = (asset, change) => ({ source_asset_id: asset, change, strength: "", mask: "" })

// A variation, unless only edits are on offer. What has been typed stays.
function takeAsSource({ asset }, chooser) {
  vary({ asset }, chooser.dataset.usual, chooser)
}

function vary({ asset, generation }, change, chooser) {
  const settings = { ...source(asset.id, change), ...shape(asset) }
  // What is edited keeps what it shows: the prompt says what is to change.
  if (change === "edit" || !generation) return chooser.emit("compose", { mode: "image", settings })
  const { prompt, style } = generation
  chooser.emit("compose", { mode: "image", text: prompt, settings: { ...settings, style: style ?? "" } })
}

// The ratio on offer that is nearest to a picture's, and its longest side, where it is on offer.
function shape({ width, height }) {
  const ratios = [...document.querySelectorAll('[name="ratio"]')].map(({ value }) => value)
  const distance = (ratio) => Math.abs(Math.log((ratio.split(":")[0] / ratio.split(":")[1]) * (height / width)))
  const [ratio] = ratios.sort((one, other) => distance(one) - distance(other))
  return { ratio, size: String(Math.max(width, height)) }
}

// It is edited where that is on offer: what is painted over shall be as the prompt says.
function changePart(found, chooser) {
  vary(found, chooser.dataset.part, chooser)
  chooser.emit("paint-part")
}

function everything({ asset, generation, mask }, chooser) {
  const { prompt, kind, style, seed, steps, guidance, negative_prompt: without } = generation
  const { source_asset_id: from, change, strength } = generation
  const made = { source_asset_id: from, change, strength, mask }
  const typed = { style, seed, steps, guidance, negative_prompt: without, ...made }
  const settings = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, String(value ?? "")]))
  chooser.emit("compose", { mode: kind, text: prompt, settings: { ...settings, ...shape(asset) } })
}

// What can be done with an upload, which has neither prompt nor seed.
const NEED_NO_GENERATION = new Set(["source", "variation", "edit", "part"])
// By `use`, what is filled in from a picture's details.
const FILLINGS = {
  source: takeAsSource,
  variation: (found, chooser) => vary(found, "variation", chooser),
  edit: (found, chooser) => vary(found, "edit", chooser),
  part: changePart,
  prompt: ({ generation }, chooser) => chooser.emit("compose", { mode: generation.kind, text: generation.prompt }),
  seed: ({ generation: { kind, seed } }, chooser) =>
    chooser.emit("compose", { mode: kind, settings: { seed: String(seed) } }),
  everything,
}

function megabytes(bytes) {
  return (bytes / 1024 ** 2).toFixed(1)
}

customElements.define("source-chooser", SourceChooser)
