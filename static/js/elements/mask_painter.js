// <mask-painter>: the brush. What shall change of a picture from which another is made is painted over: with the mouse,
// a finger, or the keys. What is painted when it closes is kept by whoever opened it. It is loaded apart from the page
// (sources.js).
import { setFlag, setText, slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"
import { PaintedMask } from "../models/painted_mask.js"

const GROWTH = 1.25 // of the brush, with each press of its keys
const STEP = 0.25 // of the brush's diameter, with each press of an arrow key
const SMALL_STEP = 0.05 // the same with Shift
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
const CENTRE = { x: 0.5, y: 0.5 }

export class MaskPainter extends HTMLElement {
  #mask = null
  #at = CENTRE // the brush, in shares of the picture's sides
  #painting = false
  #erases = false
  #opened = 0
  #subject = null // what it was opened for
  #styled = null // when its style is there

  connectedCallback() {
    if (this.#mask) return
    this.append(this.querySelector("template").content.cloneNode(true))
    const style = this.querySelector("link")
    this.#styled = new Promise((resolve) => (style.onload = style.onerror = resolve))
    this.dialog = this.querySelector("dialog")
    this.surface = slot(this, "surface")
    this.picture = slot(this, "picture")
    this.size = slot(this, "size")
    this.#mask = new PaintedMask(slot(this, "painted"))
    this.addEventListener("click", this.onClick)
    this.size.addEventListener("input", () => this.#showBrush())
    this.dialog.addEventListener("keydown", this.onKeydown)
    this.dialog.addEventListener("close", this.onClose)
    addEventListener("pagehide", () => this.dialog.open && this.#keep())
    this.surface.addEventListener("keydown", this.onSurfaceKeydown)
    this.surface.addEventListener("keyup", this.onSurfaceKeyup)
    this.surface.addEventListener("pointerdown", this.onPointerdown)
    this.surface.addEventListener("pointermove", this.onPointermove)
    for (const end of ["pointerup", "pointercancel", "blur"]) this.surface.addEventListener(end, () => this.#end())
  }

  /**
   * Opens it for a stored picture, with the mask that has been painted for it before, or an empty text. `keep` is
   * called with the mask when it closes, `tell` with why it cannot be opened.
   */
  async open(subject) {
    const { asset, mask } = subject
    const opened = ++this.#opened
    await this.#styled
    if (opened !== this.#opened || this.dialog.open) return
    this.#subject = subject
    setFlag(this.dialog, "data-local-loading", true)
    this.picture.src = `/files/${asset}/1024.webp`
    this.dialog.showModal()
    try {
      await this.picture.decode()
      const { naturalWidth: width, naturalHeight: height } = this.picture
      this.surface.style.setProperty("--ratio", width / height)
      await this.#mask.open({ width, height }, mask)
    } catch {
      if (opened === this.#opened && this.dialog.open) this.#fail()
      return
    }
    if (opened !== this.#opened || !this.dialog.open) return
    this.#at = CENTRE
    this.#choose(false)
    setFlag(this.dialog, "data-local-loading", false)
    this.#showBrush()
    this.#showPainted()
    this.surface.focus()
  }

  onClick = ({ target }) => {
    this.#actions[target.closest("[data-action]")?.dataset.action]?.()
  }

  #actions = {
    paint: () => this.#choose(false),
    erase: () => this.#choose(true),
    undo: () => this.#undo(),
    clear: () => this.#clear(),
    done: () => this.dialog.close(),
  }

  // Keys of the whole dialog.
  onKeydown = (event) => {
    if (isComposing(event) || event.altKey) return
    const key = event.key.toLowerCase()
    const command = event.ctrlKey || event.metaKey
    if (command && key !== "z") return
    const action = this.#keys[key]
    if (!action) return
    event.preventDefault()
    action()
  }

  #keys = {
    "[": () => this.#resize(1 / GROWTH),
    "]": () => this.#resize(GROWTH),
    e: () => this.#choose(!this.#erases),
    z: () => this.#undo(),
  }

  // Keys of the picture: arrows move the brush. Space paints for as long as it is held, Enter until it is pressed
  // again.
  onSurfaceKeydown = (event) => {
    if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return
    const way = WAYS[event.key]
    if (way) this.#step(way, event.shiftKey ? SMALL_STEP : STEP)
    else if (event.key === " " && !event.repeat) this.#begin(this.#at)
    else if (event.key === "Enter" && !event.repeat) this.#painting ? this.#end() : this.#begin(this.#at)
    else if (event.key !== " " && event.key !== "Enter") return
    event.preventDefault()
  }

  onSurfaceKeyup = ({ key }) => {
    if (key === " ") this.#end()
  }

  onPointerdown = (event) => {
    if (event.button !== 0 || !event.isPrimary) return
    event.preventDefault()
    this.surface.focus()
    this.surface.setPointerCapture(event.pointerId)
    this.#begin(this.#pointOf(event))
  }

  onPointermove = (event) => {
    if (!event.isPrimary) return
    const passed = event.getCoalescedEvents?.() ?? []
    for (const each of passed.length ? passed : [event]) this.#moveTo(this.#pointOf(each))
  }

  onClose = () => {
    this.#end()
    this.#opened++
    this.picture.removeAttribute("src")
    this.#keep()
  }

  // In a draft, which outlives the page.
  #keep() {
    if (!this.dialog.hasAttribute("data-local-loading")) this.#subject.keep(this.#mask.toText())
  }

  #fail() {
    this.dialog.close()
    this.#subject.tell("The picture cannot be loaded right now.")
  }

  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.surface.getBoundingClientRect()
    return { x: (clientX - left) / width, y: (clientY - top) / height }
  }

  #begin(point) {
    if (this.dialog.hasAttribute("data-local-loading")) return
    this.#painting = true
    this.#at = point
    this.#mask.begin(point, this.#diameter, this.#erases)
    this.#showBrush()
  }

  #moveTo(point) {
    this.#at = point
    if (this.#painting) this.#mask.extend(point)
    this.#showBrush()
  }

  #step([right, down], share) {
    const { width, height } = this.surface.getBoundingClientRect()
    const pixels = share * this.#diameter * Math.max(width, height)
    const within = (place) => Math.min(Math.max(place, 0), 1)
    const { x, y } = this.#at
    this.#moveTo({ x: within(x + (right * pixels) / width), y: within(y + (down * pixels) / height) })
  }

  #end() {
    if (!this.#painting) return
    this.#painting = false
    this.#showBrush()
    this.#showPainted()
  }

  #undo() {
    this.#end()
    if (this.#mask.canUndo) this.#mask.undo()
    this.#showPainted()
  }

  #clear() {
    this.#end()
    this.#mask.clear()
    this.#showPainted()
  }

  #choose(erases) {
    this.#end()
    this.#erases = erases
    slot(this, "paint").setAttribute("aria-pressed", String(!erases))
    slot(this, "erase").setAttribute("aria-pressed", String(erases))
    this.#showBrush()
  }

  // In shares of the longer side.
  get #diameter() {
    return Number(this.size.value) / 100
  }

  #resize(factor) {
    this.size.value = Number(this.size.value) * factor
    this.#showBrush()
  }

  #showBrush() {
    const { style } = this.surface
    style.setProperty("--x", this.#at.x)
    style.setProperty("--y", this.#at.y)
    style.setProperty("--diameter", this.#diameter)
    setFlag(this.surface, "data-local-painting", this.#painting)
    setFlag(this.surface, "data-local-erases", this.#erases)
  }

  #showPainted() {
    const { share, canUndo } = this.#mask
    const percent = Math.round(100 * share)
    const words = share ? `${percent || "Less than 1"} % of the picture may change` : "Nothing is painted yet"
    setText(slot(this, "share"), words)
    slot(this, "undo").disabled = !canUndo
    slot(this, "clear").disabled = !share
  }
}

customElements.define("mask-painter", MaskPainter)
