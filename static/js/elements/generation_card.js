// <generation-card>: one picture or clip, from its request on: progress, preview, the finished file and its actions.
import { bus } from "../bus.js"
import { copyText, setFlag, setText, slot } from "../helpers/dom.js"
import { everySecond, formatClock, secondsUntil } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"
import { Preview } from "../models/preview.js"
import { StageDisplay } from "../models/stage_display.js"
import { socket } from "../socket.js"

const ENDED = ["done", "failed", "cancelled"]
const RETRY_JITTER_MS = 1000

export class GenerationCard extends HTMLElement {
  #subscriptions = []
  #preview = null
  #stage = new StageDisplay(this)
  #status = ""
  #retryTimer = null
  #cancelDeletion = null

  connectedCallback() {
    this.#preview = new Preview(slot(this, "preview"))
    this.addEventListener("click", this.onClick)
    this.rendered()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.#stopWatching()
    clearTimeout(this.#retryTimer)
    this.#preview.hide()
    queueMicrotask(() => this.isConnected || bus.emit("picture-removed", this)) // not where it only moves
  }

  /** Whether it is done, failed or cancelled. */
  get ended() {
    return ENDED.includes(this.dataset.status)
  }

  /**
   * The finished picture as the viewer shows it: url, alt, width, height. Null for clips and while it is being made.
   */
  get picture() {
    const link = this.#link
    if (!link) return null
    const thumbnail = this.#thumbnail
    const [width, height] = ["width", "height"].map((name) => thumbnail.getAttribute(name))
    return { url: link.href, alt: thumbnail.alt, width, height }
  }

  /** Whether it is marked as a favourite. */
  get favorite() {
    return this.#favoriteButton?.getAttribute("aria-pressed") === "true"
  }

  /** Copies of its settings and its download links. */
  cloneDetails() {
    return ["settings", "downloads"].map((name) => slot(this, name).cloneNode(true))
  }

  /** Downloads the file, where there is one. */
  download() {
    this.querySelector(".downloads__main")?.click()
  }

  /** Marks it as a favourite, or no longer. */
  toggleFavorite() {
    this.#favoriteButton?.click()
  }

  /** Puts the focus on the picture. */
  focusPicture() {
    this.#link?.focus({ preventScroll: true })
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    const before = this.#status
    this.#status = this.dataset.status
    this.#stage.restart()
    if (this.ended) this.#stopWatching()
    else this.#watch()
    if (this.#status === "done") this.#awaitPicture()
    else this.#showRetryTime()
    if (this.ended && this.#status !== "done") this.#preview.hide() // it would be visible behind the text
    if (before && before !== this.#status && this.ended) this.#announceEnd()
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    if (button && button.getAttribute("aria-disabled") !== "true") this.#actions[button.dataset.action]?.(button, event)
  }

  #actions = {
    open: (_, event) => this.#open(event),
    cancel: (button) => this.#send(button, "generation.cancel"),
    retry: (button) => this.#retry(button),
    remove: () => this.#delete(),
    keep: () => this.#undoDeletion(),
    favorite: (button) => this.#setFavorite(button),
    "copy-prompt": () => this.#copy(slot(this, "prompt").textContent),
    "copy-link": (button) => this.#copy(new URL(button.dataset.link, location.href).href),
  }

  get #link() {
    return this.querySelector('[data-action="open"]')
  }

  get #thumbnail() {
    return this.querySelector("img.tile__picture")
  }

  get #favoriteButton() {
    return this.querySelector('[data-action="favorite"]')
  }

  // With a modifier key the link opens in a new tab, as usual.
  #open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    bus.emit("open-picture", this)
  }

  async #send(button, type) {
    button.setAttribute("aria-disabled", "true")
    try {
      await socket.send(type, { generation_id: this.dataset.id })
    } catch {
      // the toast shows the reason
    }
    button.removeAttribute("aria-disabled")
  }

  #delete() {
    this.append(document.importNode(document.getElementById("picture_undo").content, true))
    setFlag(this, "data-local-leaving", true)
    this.querySelector('[data-action="keep"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  #undoDeletion() {
    this.#cancelDeletion()
    this.#showAgain()
    this.querySelector('[data-action="remove"]')?.focus()
  }

  #sendDeletion = () => {
    socket.send("generation.delete", { generation_id: this.dataset.id }).catch(() => this.#showAgain())
  }

  #showAgain() {
    setFlag(this, "data-local-leaving", false)
    this.querySelector(".tile__undo")?.remove()
  }

  // Before the limit lifts, a click schedules the retry for that time.
  #retry(button) {
    const wait = button.dataset.notBefore ? secondsUntil(button.dataset.notBefore) : 0
    if (wait <= 0) return this.#send(button, "generation.retry")
    clearTimeout(this.#retryTimer)
    const delay = wait * 1000 + Math.random() * RETRY_JITTER_MS
    this.#retryTimer = setTimeout(() => this.#send(button, "generation.retry"), delay)
    button.setAttribute("aria-disabled", "true")
    setText(slot(button, "retry"), `Tries again at ${formatClock(button.dataset.notBefore)}`)
  }

  #setFavorite(button) {
    const on = button.getAttribute("aria-pressed") !== "true"
    const show = (pressed) => button.setAttribute("aria-pressed", String(pressed))
    show(on)
    socket.send("asset.favorite", { asset_id: button.dataset.asset, on }).catch(() => show(!on))
  }

  async #copy(text) {
    await copyText(text)
    bus.emit("toast", { kind: "copied", text: "Copied." })
  }

  #watch() {
    if (!this.#subscriptions.length) {
      this.#subscriptions = [
        socket.on("progress", (event) => event.generation_id === this.dataset.id && this.#receive(event)),
        everySecond(() => this.#stage.show()),
      ]
    }
    this.#stage.show()
  }

  #stopWatching() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.#subscriptions = []
  }

  #receive(progress) {
    const current = this.#stage.receive(progress)
    if (progress.preview && current) this.#preview.show(progress.preview)
  }

  #awaitPicture() {
    const thumbnail = this.#thumbnail
    if (!thumbnail || this.hasAttribute("data-local-loaded")) return
    const { placeholder } = thumbnail.closest("[data-placeholder]").dataset
    this.#preview.replaceBy(thumbnail, placeholder, () => this.#markLoaded())
  }

  // Returns whether it was not marked before.
  #markLoaded() {
    if (this.hasAttribute("data-local-loaded")) return false
    setFlag(this, "data-local-loaded", true)
    return true
  }

  #showRetryTime() {
    const button = this.querySelector('[data-action="retry"][data-not-before]')
    if (button && secondsUntil(button.dataset.notBefore) > 0 && !this.#retryTimer) {
      setText(slot(button, "retry"), `Try when the limit lifts, at ${formatClock(button.dataset.notBefore)}`)
    }
  }

  #announceEnd() {
    const { kind, status } = this.dataset
    const noun = kind === "video" ? "Clip" : "Picture"
    const prompt = this.closest("chat-message")?.prompt ?? ""
    if (status === "done") bus.emit("generation-done", { noun, prompt })
    else bus.emit("generation-ended", { noun, status })
  }
}

customElements.define("generation-card", GenerationCard)
