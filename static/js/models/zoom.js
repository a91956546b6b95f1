// Zooms and pans a picture: wheel and pinch towards the pointer, double click for twice the size, drag to move. While
// the whole of it is shown, a finger that is drawn across it swipes.
const [LEAST, MOST] = [1, 8]
const SWIPE_PX = 56
const CONTROLS_PX = 72 // the lower edge of a clip, with its own controls

export class Zoom {
  #stage
  #picture
  #scale = 1
  #x = 0
  #y = 0
  #pointers = new Map()
  #spread = 0
  #from = null

  /** `onSwipe` is called with "left", "right" or "down". */
  constructor(stage, picture, onSwipe) {
    this.#stage = stage
    this.#picture = picture
    this.onSwipe = onSwipe
    stage.addEventListener("wheel", this.#wheel, { passive: false })
    stage.addEventListener("dblclick", this.#double)
    stage.addEventListener("pointerdown", this.#down)
    stage.addEventListener("pointermove", this.#move)
    for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, this.#up)
    stage.addEventListener("lostpointercapture", this.#lose)
  }

  /** Shows the whole picture; returns whether it was zoomed in. */
  reset() {
    const zoomed = this.#scale !== 1
    this.#scale = 1
    this.#x = this.#y = 0
    this.#apply()
    return zoomed
  }

  /** Zooms by a factor, towards a point of the viewport or the middle. */
  zoomBy(factor, clientX, clientY) {
    const box = this.#stage.getBoundingClientRect()
    const [middleX, middleY] = [box.x + box.width / 2, box.y + box.height / 2]
    const [px, py] = [(clientX ?? middleX) - middleX, (clientY ?? middleY) - middleY]
    const scale = Math.min(MOST, Math.max(LEAST, this.#scale * factor))
    this.#x = px - ((px - this.#x) * scale) / this.#scale
    this.#y = py - ((py - this.#y) * scale) / this.#scale
    this.#scale = scale
    if (scale === 1) this.#x = this.#y = 0
    this.#apply()
  }

  #wheel = (event) => {
    event.preventDefault()
    this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY)
  }

  #double = (event) => {
    if (!this.reset()) this.zoomBy(2, event.clientX, event.clientY)
  }

  #down = (event) => {
    const isClip = event.target.localName === "video"
    if (isClip && event.target.getBoundingClientRect().bottom - event.clientY < CONTROLS_PX) return
    // No other is down then: what is still noted ended unheard, as where the lightbox closed under a finger.
    if (event.isPrimary) this.#pointers.clear()
    this.#pointers.set(event.pointerId, event)
    if (!isClip) this.#stage.setPointerCapture(event.pointerId)
    this.#spread = this.#distance()
    this.#from = event.pointerType !== "mouse" && this.#pointers.size === 1 && this.#scale === 1 ? event : null
  }

  #move = (event) => {
    const before = this.#pointers.get(event.pointerId)
    if (!before) return
    if (!event.buttons) return this.#up(event) // a mouse that was released elsewhere, such as in its menu
    this.#pointers.set(event.pointerId, event)
    if (this.#pointers.size === 2) this.#pinch()
    else if (this.#scale > 1 || this.#from) this.#drag(event.clientX - before.clientX, event.clientY - before.clientY)
  }

  #up = (event) => {
    if (!this.#pointers.delete(event.pointerId)) return
    this.#spread = this.#distance()
    const from = this.#from
    this.#from = null
    if (!from || this.#scale !== 1) return
    this.reset()
    if (event.type === "pointerup") this.#swipe(event.clientX - from.clientX, event.clientY - from.clientY)
  }

  // Not where what a finger touches, which has it at first, hands it over to the stage.
  #lose = (event) => this.#stage.hasPointerCapture(event.pointerId) || this.#up(event)

  #swipe(x, y) {
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 1.5 * Math.abs(y)) this.onSwipe(x < 0 ? "left" : "right")
    else if (y > 1.5 * SWIPE_PX && y > 1.5 * Math.abs(x)) this.onSwipe("down")
  }

  #pinch() {
    const [a, b] = this.#pointers.values()
    const spread = this.#distance()
    if (this.#spread) this.zoomBy(spread / this.#spread, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2)
    this.#spread = spread
  }

  #distance() {
    const [a, b] = this.#pointers.values()
    return a && b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0
  }

  #drag(x, y) {
    this.#x += x
    this.#y += y
    this.#apply()
  }

  // Set through the CSSOM, which the content security policy allows, unlike style attributes.
  #apply() {
    const { style } = this.#picture
    style.setProperty("--zoom", this.#scale)
    style.setProperty("--x", `${this.#x}px`)
    style.setProperty("--y", `${this.#y}px`)
    this.#stage.toggleAttribute("data-closer", this.#scale > 1)
  }
}
