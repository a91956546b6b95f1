// <generation-card>: one picture or clip, from its request on: progress, preview, the finished file and its actions.
import { bus } from "../bus.js"
import { complete } from "../completing.js"
import { isFavorite, setFavorite } from "../favorites.js"
import { defineLater } from "../helpers/defining.js"
import { copyText, setFlag, setText, slot, unlessMoved } from "../helpers/dom.js"
import { keepFocus } from "../helpers/focus.js"
import { newId } from "../helpers/ids.js"
import { everySecond, formatClock, secondsUntil } from "../helpers/time.js"
import { afterUndoPeriod } from "../helpers/undo.js"
import { Preview } from "../models/preview.js"
import { StageDisplay } from "../models/stage_display.js"
import { socket } from "../socket.js"

const ENDED = ["done", "failed", "cancelled"]
const RETRY_JITTER_MS = 1000
const DOUBLE_TAP_MS = 280
const STILL = matchMedia("(prefers-reduced-motion: reduce)")

export class GenerationCard extends HTMLElement {
  #subscriptions = []
  #preview = null
  #stage = new StageDisplay(this)
  #status = ""
  #attempt = ""
  #tap = null
  #retryTimer = null
  #cancelDeletion = null
  #unsubscribe = null

  connectedCallback() {
    complete(this) // it may be set up before its message is
    const preview = slot(this, "preview")
    this.#preview = preview && new Preview(preview)
    this.addEventListener("click", this.onClick)
    this.addEventListener("pointerover", this.onHover)
    this.addEventListener("pointerleave", this.onLeave)
    this.#unsubscribe = bus.on("favorites-changed", () => this.#showFavorite())
    this.rendered()
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.onClick)
    this.#unsubscribe()
    this.#stopWatching()
    unlessMoved(this, () => this.#leave())
  }

  // Deleted elsewhere, it is not deleted once more at the end of its undo period.
  #leave() {
    this.#cancelDeletion?.()
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#tap)
    this.#tap = null
    this.#preview?.hide()
    bus.emit("picture-removed", this)
  }

  /** Whether it is done, failed or cancelled. */
  get ended() {
    return ENDED.includes(this.dataset.status)
  }

  /** Where it is now, as `describeStage` takes it. */
  get stage() {
    return this.#stage.stage
  }

  /**
   * The finished file as the viewer shows it: kind, url, thumbnail, shown (what the page has loaded of it), alt, width,
   * height. Null while it is being made.
   */
  get file() {
    const link = this.#link
    if (!link) return null
    const { kind, width, height } = this.dataset
    const { alt, src, currentSrc } = this.#thumbnail
    return { kind, url: link.href, thumbnail: src, shown: currentSrc || src, alt, width, height }
  }

  /** Whether the reader asked for it. */
  get isMine() {
    return this.closest("chat-message").hasAttribute("data-local-mine")
  }

  /** Whether it is marked as a favourite. */
  get favorite() {
    return isFavorite(this.dataset.asset)
  }

  /** Copies of its settings and its download links. */
  cloneDetails() {
    const details = document.importNode(slot(this, "more").content, true)
    return ["settings", "downloads"].map((name) => slot(details, name))
  }

  /** Downloads the file, where there is one. */
  download() {
    if (this.file) this.cloneDetails()[1].querySelector("a").click()
  }

  /** Marks it as a favourite, or no longer, where its viewer may. */
  toggleFavorite() {
    if (this.#favoriteButton?.checkVisibility()) setFavorite(this.dataset.asset, !this.favorite)
  }

  /** Does what one of its buttons does, or `control` elsewhere: retry, enlarge, copy-prompt, copy-link, remove, … */
  run(action, control = null) {
    return this.#actions[action](this.querySelector(`[data-action="${action}"]`) ?? control)
  }

  /** Brings it into view, before its other versions, with the focus. */
  reveal() {
    bus.emit("show-version", this)
    this.scrollIntoView({ block: "nearest" })
    this.focusPicture()
  }

  /** Puts the focus on the picture. */
  focusPicture() {
    this.#link?.focus({ preventScroll: true })
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    const before = this.#status
    const again = this.#attempt !== this.dataset.attempt
    this.#status = this.dataset.status
    this.#attempt = this.dataset.attempt
    this.#stage.restart()
    if (this.ended) this.#stopWatching()
    else this.#watch()
    this.#showFavorite()
    if (this.#status === "done") this.#awaitPicture()
    else this.#showRetryTime()
    // Nothing of an attempt is left behind by its end, nor shown in the next one.
    if (this.#status !== "done" && (this.#status !== "rendering" || again)) this.#preview?.hide()
    // Hidden by the operator.
    if (before === "done" && !this.#link) bus.emit("picture-removed", this)
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
    enlarge: (button) => this.#makeVersion(button, "generation.enlarge", { side: Number(button.dataset.side) }),
    remove: () => this.#delete(),
    keep: () => this.#undoDeletion(),
    favorite: () => setFavorite(this.dataset.asset, !this.favorite),
    menu: (button) => bus.emit("picture-menu", { card: this, button }),
    "copy-prompt": () => this.#copy(slot(slot(this, "more").content, "prompt").textContent),
    "copy-link": () => this.#copy(this.#link.href),
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

  // With a modifier key the link opens in a new tab, as usual. A second tap marks it as a favourite instead.
  #open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    const open = () => bus.emit("open-picture", this)
    if (event.pointerType !== "touch") return open()
    const second = this.#tap
    clearTimeout(second)
    this.#tap = second ? null : setTimeout(() => ((this.#tap = null), open()), DOUBLE_TAP_MS)
    if (second) this.toggleFavorite()
  }

  // A clip plays under the mouse, without sound.
  onHover = (event) => {
    if (event.pointerType !== "mouse" || this.dataset.kind !== "video" || !this.#link || STILL.matches) return
    if (this.querySelector(".tile__clip")) return
    const clip = document.importNode(document.getElementById("clip_preview").content, true).firstElementChild
    clip.src = this.#link.href
    this.#link.append(clip)
    clip.play().catch(() => {}) // left before it began
  }

  onLeave = () => {
    this.querySelector(".tile__clip")?.remove()
  }

  // One version and one credit, however often the command is sent before its answer comes.
  #makeVersion(button, type, fields) {
    return this.#send(button, type, { client_id: newId(), ...fields })
  }

  async #send(button, type, fields = {}) {
    button?.setAttribute("aria-disabled", "true")
    try {
      await socket.send(type, { generation_id: this.dataset.id, ...fields })
    } catch {
      // the toast shows the reason
    }
    button?.removeAttribute("aria-disabled")
  }

  #delete() {
    if (this.hasAttribute("data-local-leaving")) return
    this.append(document.importNode(document.getElementById("picture_undo").content, true))
    setFlag(this, "data-local-leaving", true)
    this.querySelector('[data-action="keep"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  #undoDeletion() {
    this.#cancelDeletion()
    this.#showAgain()
    if (this.#link) this.focusPicture()
    else this.querySelector('[data-action="remove"]')?.focus()
  }

  // It cannot be undone any more, however long the answer takes.
  #sendDeletion = () => {
    keepFocus(this, () => this.querySelector('[data-action="keep"]')?.remove())
    socket.send("generation.delete", { generation_id: this.dataset.id }).catch(() => this.#showAgain())
  }

  #showAgain() {
    setFlag(this, "data-local-leaving", false)
    this.querySelector(".tile__undo")?.remove()
  }

  // Before the limit lifts, a click schedules the retry for that time.
  #retry(button) {
    const wait = button?.dataset.notBefore ? secondsUntil(button.dataset.notBefore) : 0
    if (wait <= 0) return this.#makeVersion(button, "generation.retry")
    clearTimeout(this.#retryTimer)
    const delay = wait * 1000 + Math.random() * RETRY_JITTER_MS
    this.#retryTimer = setTimeout(() => this.#makeVersion(button, "generation.retry"), delay)
    button.setAttribute("aria-disabled", "true")
    setText(slot(button, "retry"), `Tries again at ${formatClock(button.dataset.notBefore)}`)
  }

  #showFavorite() {
    this.#favoriteButton?.setAttribute("aria-pressed", String(this.favorite))
    this.dispatchEvent(new CustomEvent("favorite-shown", { bubbles: true }))
  }

  async #copy(text) {
    await copyText(text)
    bus.emit("toast", { kind: "copied", text: "Copied." })
  }

  #watch() {
    if (!this.#subscriptions.length) {
      this.#subscriptions = [
        socket.on("progress", (event) => event.generation_id === this.dataset.id && this.#receive(event)),
        everySecond(() => this.#showStage()),
      ]
    }
    this.#showStage()
  }

  #showStage() {
    this.#stage.show()
    bus.emit("stage-shown", this)
  }

  #stopWatching() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.#subscriptions = []
  }

  #receive(progress) {
    const current = this.#stage.receive(progress)
    bus.emit("stage-shown", this)
    if (progress.preview && current) this.#preview?.show(progress.preview)
  }

  #awaitPicture() {
    const thumbnail = this.#thumbnail
    if (!thumbnail || this.hasAttribute("data-local-loaded")) return
    // Where a size cannot be made now, the thumbnail is there.
    thumbnail.addEventListener("error", () => thumbnail.removeAttribute("srcset"), { once: true })
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

defineLater("stream", "generation-card", GenerationCard)
