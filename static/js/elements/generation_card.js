// <generation-card>: one picture or clip. Says where it is, shows previews, and takes presses on a finished one.
import { webpAddress } from "../helpers/blobs.js"
import { copy, mark, slot, write } from "../helpers/dom.js"
import { unlessUndone } from "../helpers/undo.js"
import { clockTime, everySecond, now, secondsUntil, span } from "../helpers/time.js"
import { live } from "../live.js"
import { concerns, elapsedWords, stageWords } from "../models/progress.js"
import { usualSeconds } from "./session_stats.js"

const LONGEST_PREVIEW_MS = 3000 // the last preview stays until the file has loaded, but no longer than this
const ENDED = ["done", "failed", "cancelled"]

export class GenerationCard extends HTMLElement {
  #off = []
  #heard = null
  #heardAt = 0
  #drawnAt = 0
  #status = ""
  #retryTimer = null
  #leaving = null

  connectedCallback() {
    this.addEventListener("click", this.press)
    this.drawn()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.press)
    this.#rest()
    clearTimeout(this.#retryTimer)
    this.#showPreview(null)
    queueMicrotask(() => this.isConnected || document.dispatchEvent(new CustomEvent("picture-gone", { detail: this })))
  }

  get status() {
    return this.dataset.status
  }

  get ended() {
    return ENDED.includes(this.status)
  }

  drawn() {
    const before = this.#status
    this.#status = this.status
    this.#drawnAt = Date.now()
    if (this.ended) this.#rest()
    else this.#watch()
    if (this.status === "done") this.#awaitPicture()
    else this.#showRetry()
    if (this.ended && this.status !== "done") this.#showPreview(null) // it would stand behind the words
    if (before && before !== this.status && this.ended) live.emit(this.status === "done" ? "finished" : "ended", this.#news())
  }

  press = (event) => {
    const button = event.target.closest("[data-action]")
    if (button && button.getAttribute("aria-disabled") !== "true") this.#actions[button.dataset.action]?.(button, event)
  }

  #actions = {
    open: (_, event) => this.#open(event),
    cancel: (button) => this.#ask(button, "generation.cancel"),
    retry: (button) => this.#retry(button),
    remove: () => this.#leave(),
    keep: () => this.#stay(),
    favorite: (button) => this.#favor(button),
    "copy-prompt": () => this.#copy(slot(this, "prompt").textContent),
    "copy-link": (button) => this.#copy(new URL(button.dataset.link, location.href).href),
  }

  // With a modifier the link opens in a tab of its own, as links do.
  #open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    this.dispatchEvent(new CustomEvent("open-picture", { bubbles: true }))
  }

  async #ask(button, command) {
    button.setAttribute("aria-disabled", "true")
    try {
      await live.send(command, { generation_id: this.dataset.id })
    } catch {
      // the toast says why
    }
    button.removeAttribute("aria-disabled")
  }

  #leave() {
    this.append(document.importNode(document.getElementById("picture_undo").content, true))
    mark(this, "data-local-leaving", true)
    this.querySelector('[data-action="keep"]').focus()
    this.#leaving = unlessUndone(this.#gone)
  }

  #stay() {
    this.#leaving()
    this.#showAgain()
    this.querySelector('[data-action="remove"]')?.focus()
  }

  #gone = () => {
    live.send("generation.delete", { generation_id: this.dataset.id }).catch(() => this.#showAgain())
  }

  #showAgain() {
    mark(this, "data-local-leaving", false)
    this.querySelector(".tile__undo")?.remove()
  }

  // Before the limit lifts, a press means: then.
  #retry(button) {
    const wait = button.dataset.notBefore ? secondsUntil(button.dataset.notBefore) : 0
    if (wait <= 0) return this.#ask(button, "generation.retry")
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(() => this.#ask(button, "generation.retry"), wait * 1000 + Math.random() * 1000)
    button.setAttribute("aria-disabled", "true")
    write(slot(button, "retry"), `Tries again at ${clockTime(button.dataset.notBefore)}`)
  }

  #favor(button) {
    const on = button.getAttribute("aria-pressed") !== "true"
    const press = (pressed) => button.setAttribute("aria-pressed", String(pressed))
    press(on)
    live.send("asset.favorite", { asset_id: button.dataset.asset, on }).catch(() => press(!on))
  }

  async #copy(text) {
    await copy(text)
    live.emit("toast", { kind: "copied", words: "Copied." })
  }

  #watch() {
    if (!this.#off.length) {
      this.#off = [
        live.on("progress", (event) => event.generation_id === this.dataset.id && this.#hear(event)),
        everySecond(() => this.#show()),
      ]
    }
    this.#show()
  }

  #rest() {
    this.#off.forEach((off) => off())
    this.#off = []
  }

  #hear(event) {
    if (event.attempt < Number(this.dataset.attempt)) return
    this.#heard = event
    this.#heardAt = Date.now()
    if (event.preview && this.#current) this.#showPreview(webpAddress(event.preview))
    this.#show()
  }

  get #current() {
    return concerns({ status: this.status, attempt: Number(this.dataset.attempt) }, this.#heard)
  }

  #show() {
    if (!slot(this, "words")) return
    const known = this.#current ? this.#known(this.#heard, this.#heardAt) : this.#known(this.#drawnStage(), this.#drawnAt)
    write(slot(this, "words"), stageWords(known))
    this.#showBar(known)
    write(slot(this, "time"), this.#elapsed())
  }

  #drawnStage() {
    const number = (name) => (this.dataset[name] ? Number(this.dataset[name]) : undefined)
    return { position: number("position"), eta_seconds: number("eta"), fraction: number("fraction"), step: number("step"), steps: number("steps") }
  }

  #known(stage, since) {
    const eta = stage.eta_seconds === undefined ? undefined : stage.eta_seconds - (Date.now() - since) / 1000
    return { ...stage, status: this.status, eta }
  }

  #showBar({ status, fraction }) {
    const bar = slot(this, "bar")
    const known = status === "rendering" && fraction >= 0
    bar.hidden = !known
    if (known) bar.value = fraction
  }

  #elapsed() {
    if (this.closest("[data-local-pending]")) return ""
    const since = this.status === "queued" ? this.dataset.created : this.dataset.started || this.dataset.created
    const seconds = (now() - Date.parse(since)) / 1000
    return this.status === "queued" ? `waiting ${span(seconds)}` : elapsedWords(seconds, this.dataset.kind === "image" ? usualSeconds() : null)
  }

  #showPreview(address) {
    const preview = slot(this, "preview")
    if (preview.src) URL.revokeObjectURL(preview.src)
    preview.hidden = !address
    if (address) preview.src = address
    else preview.removeAttribute("src")
  }

  #awaitPicture() {
    const picture = this.querySelector("img.tile__picture")
    if (!picture || this.hasAttribute("data-local-loaded")) return
    const placeholder = picture.closest("[data-placeholder]").dataset.placeholder
    if (picture.complete && picture.naturalWidth) return this.#loaded()
    if (slot(this, "preview").hidden && placeholder) this.#showPreview(webpAddress(placeholder))
    picture.addEventListener("load", () => this.#loaded(), { once: true })
    setTimeout(() => this.#loaded(), LONGEST_PREVIEW_MS)
  }

  #loaded() {
    if (this.hasAttribute("data-local-loaded")) return
    mark(this, "data-local-loaded", true)
    setTimeout(() => this.#showPreview(null), 400)
  }

  #showRetry() {
    const button = this.querySelector('[data-action="retry"][data-not-before]')
    if (button && secondsUntil(button.dataset.notBefore) > 0 && !this.#retryTimer) {
      write(slot(button, "retry"), `Try when the limit lifts, at ${clockTime(button.dataset.notBefore)}`)
    }
  }

  #news() {
    const noun = this.dataset.kind === "video" ? "Clip" : "Picture"
    return { noun, status: this.status, prompt: this.closest("chat-message")?.querySelector(".message__prompt")?.textContent ?? "" }
  }
}

customElements.define("generation-card", GenerationCard)
