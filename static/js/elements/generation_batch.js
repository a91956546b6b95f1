// <generation-batch>: the pictures or clips of a message with their prompt and one foot. Says how far the batch is,
// leads through it with the arrow keys, and gives the tiles what the prompt leaves of the stream's height.
import { bus } from "../bus.js"
import { defineLater } from "../helpers/defining.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { inFirstFrame, inNextFrame } from "../helpers/first_frame.js"
import { isComposing } from "../helpers/keys.js"
import { everySecond } from "../helpers/time.js"
import { describeBatch } from "../models/progress.js"
import { socket } from "../socket.js"

const PICTURE = ".tile__open, .stage__cancel, .tile__end [data-action=retry]"

// Batches that have changed since they were measured. All are read before any is written: to read one after another was
// written would lay the page out again.
const waiting = new Set()

function measureWaiting() {
  const batches = [...waiting].filter((batch) => batch.isConnected && batch.isLaidOut)
  waiting.clear()
  const cut = batches.map((batch) => batch.isCut)
  batches.forEach((batch, index) => batch.offerWhole(cut[index]))
  const heights = batches.map((batch) => [batch.promptHeight, batch.heightLeft])
  batches.forEach((batch, index) => batch.leaveHeight(...heights[index]))
}

export class GenerationBatch extends HTMLElement {
  #subscriptions = []
  #unsubscribe = null
  #measured = ""
  #styled = false
  #message = null

  connectedCallback() {
    this.#unsubscribe = bus.on("version-shown", (stack) => this.contains(stack) && this.#showVersions())
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    addEventListener("resize", this.onResize)
    this.#message = this.closest("chat-message")
    this.#message.addEventListener("contentvisibilityautostatechange", this.onVisibility)
    this.rendered()
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.#stopWatching()
    removeEventListener("resize", this.onResize)
    this.#message.removeEventListener("contentvisibilityautostatechange", this.onVisibility)
  }

  /** Called when it is connected, and after a newer rendering was put in its place. */
  rendered() {
    this.#measure()
    if (slot(this, "stage")) this.#watch()
    else this.#stopWatching()
    this.#showVersions()
  }

  // Offers the files of the versions that are shown.
  #showVersions() {
    for (const link of this.querySelectorAll("[data-of]")) {
      const card = document.getElementById(`generation_${link.dataset.of}`)
      setFlag(link, "data-local-behind", card?.hasAttribute("data-local-behind"))
    }
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    this.#actions[button?.dataset.action]?.(button)
  }

  #actions = {
    "cancel-all": (button) => this.#cancelAll(button),
    formats: (button) => bus.emit("formats-menu", { cards: this.#cards, button }),
    "whole-prompt": (button) => {
      const whole = this.toggleAttribute("data-local-whole")
      button.setAttribute("aria-expanded", String(whole))
    },
  }

  // From picture to picture sideways, from a picture to its buttons downwards, and among these sideways again.
  onKeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || isComposing(event)) return
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key]
    const card = event.target.closest("generation-card")
    if (!by || !card) return
    const along = event.key.endsWith("Left") || event.key.endsWith("Right")
    const picture = card.querySelector(PICTURE)
    const buttons = [...card.querySelectorAll("button")].filter((each) => each !== picture && each.checkVisibility())
    const next = this.#next({ card, picture, buttons, by, along, from: event.target.closest("a, button") })
    if (!next) return
    event.preventDefault()
    next.focus()
  }

  #next({ card, picture, buttons, by, along, from }) {
    if (from !== picture) return along ? buttons[buttons.indexOf(from) + by] : by < 0 ? picture : null
    if (!along) return by > 0 ? buttons[0] : null
    const cards = this.#cards
    return cards[cards.indexOf(card) + by]?.querySelector(PICTURE)
  }

  onResize = () => {
    this.#measured = ""
    this.#measure()
  }

  onVisibility = ({ skipped }) => skipped || this.onResize()

  get #cards() {
    return [...this.querySelectorAll("generation-card:not([data-local-behind])")]
  }

  /** Whether it is laid out: what is far from the view is not, and is measured when it comes near. */
  get isLaidOut() {
    return slot(this, "text").checkVisibility({ contentVisibilityAuto: true })
  }

  /** Whether a part of the prompt is not shown. */
  get isCut() {
    const { scrollHeight, clientHeight } = slot(this, "text")
    return this.hasAttribute("data-local-whole") || scrollHeight > clientHeight + 1
  }

  /** Offers to show the whole prompt, or not. */
  offerWhole(cut) {
    setFlag(slot(this, "stacks").previousElementSibling, "hidden", !cut)
  }

  /** The height above the tiles in pixels. */
  get promptHeight() {
    return slot(this, "stacks").offsetTop - slot(this, "text").offsetTop
  }

  /** The height in pixels that the styles leave the prompt now. */
  get heightLeft() {
    return parseFloat(getComputedStyle(this).getPropertyValue("--prompt"))
  }

  /**
   * Leaves the prompt its height, where the styles leave it another: most prompts have one line. Through the CSSOM, as
   * the content security policy allows no style attributes.
   */
  leaveHeight(pixels, left) {
    this.#measured = slot(this, "text").textContent
    if (pixels !== left) this.style.setProperty("--prompt", `${pixels}px`)
    this.#styled = this.style.length > 0
  }

  // A newer rendering has no style of its own.
  #measure() {
    if (this.#measured === slot(this, "text").textContent && this.#styled === this.style.length > 0) return
    waiting.add(this)
    // The newest one is measured in the frame that shows it: nothing else waits for its layout.
    const soon = this.closest("chat-message")?.nextElementSibling ? inFirstFrame : inNextFrame
    soon(() => queueMicrotask(measureWaiting))
  }

  #watch() {
    if (!this.#subscriptions.length) {
      this.#subscriptions = [everySecond(() => this.#show()), bus.on("stage-shown", (card) => this.#onStage(card))]
    }
    this.#show()
  }

  #stopWatching() {
    this.#subscriptions.forEach((unsubscribe) => unsubscribe())
    this.#subscriptions = []
  }

  #onStage(card) {
    if (this.contains(card)) this.#show()
  }

  #show() {
    const running = [...this.querySelectorAll("generation-card")].filter((card) => !card.ended && card.stage)
    setText(slot(this, "stage"), describeBatch(running.map((card) => card.stage)))
  }

  #cancelAll(button) {
    if (button.ariaDisabled === "true") return
    button.ariaDisabled = "true"
    const running = [...this.querySelectorAll("generation-card")].filter((card) => !card.ended)
    const cancel = ({ dataset }) => socket.send("generation.cancel", { generation_id: dataset.id })
    Promise.allSettled(running.map(cancel)).then(() => (button.ariaDisabled = null))
  }
}

defineLater("stream", "generation-batch", GenerationBatch)
