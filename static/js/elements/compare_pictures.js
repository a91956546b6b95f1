// <compare-pictures data-mode="slider|side">: two pictures over or beside each other, zoomed and moved as one.
import { slot } from "../helpers/dom.js"
import { isComposing } from "../helpers/keys.js"

const ZOOM_STEP = 1.5
const MOST_ZOOM = 12
const PAN_PX = 60

export class ComparePictures extends HTMLElement {
  #zoom = 1
  #x = 0
  #y = 0
  #from = null

  connectedCallback() {
    this.stage = slot(this, "stage")
    this.addEventListener("click", this.onClick)
    this.addEventListener("keydown", this.onKeydown)
    slot(this, "range").addEventListener("input", this.onRange)
    this.stage.addEventListener("wheel", this.onWheel, { passive: false })
    this.stage.addEventListener("pointerdown", this.onDown)
    this.stage.addEventListener("pointermove", this.onMove)
    this.stage.addEventListener("pointerup", this.onUp)
    this.stage.addEventListener("pointercancel", this.onUp)
    this.stage.addEventListener("lostpointercapture", this.onLose)
    this.onRange()
  }

  onClick = (event) => {
    const control = event.target.closest("button")
    if (control?.dataset.mode) this.#choose(control.dataset.mode)
    if (control?.dataset.action) this.#actions[control.dataset.action]()
  }

  #actions = {
    "zoom-in": () => this.#zoomTo(this.#zoom * ZOOM_STEP),
    "zoom-out": () => this.#zoomTo(this.#zoom / ZOOM_STEP),
    reset: () => this.#zoomTo(1),
  }

  #choose(mode) {
    this.dataset.mode = mode
    for (const radio of this.querySelectorAll("[role=radio]")) {
      radio.setAttribute("aria-checked", String(radio.dataset.mode === mode))
    }
  }

  // + and − zoom and arrows with Shift move, also beside the slider, whose own keys are the plain arrows.
  onKeydown = (event) => {
    const moves = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] }
    if (event.ctrlKey || event.metaKey || event.altKey || isComposing(event)) return
    if (event.key === "+") this.#actions["zoom-in"]()
    else if (event.key === "-") this.#actions["zoom-out"]()
    else if (event.key === "0") this.#actions.reset()
    else if (event.shiftKey && moves[event.key]) this.#moveBy(...moves[event.key])
    else return
    event.preventDefault()
  }

  onRange = () => {
    this.stage.style.setProperty("--share", `${slot(this, "range").value}%`)
  }

  onWheel = (event) => {
    event.preventDefault()
    this.#zoomTo(this.#zoom * Math.exp(-event.deltaY / 300))
  }

  // Of several fingers the first one moves the pictures.
  onDown = (event) => {
    if (event.button || !event.isPrimary) return
    this.stage.setPointerCapture(event.pointerId)
    this.#from = event
    event.preventDefault()
  }

  onMove = (event) => {
    if (event.pointerId !== this.#from?.pointerId) return
    this.#moveBy(event.clientX - this.#from.clientX, event.clientY - this.#from.clientY)
    this.#from = event
  }

  onUp = ({ pointerId }) => {
    if (pointerId === this.#from?.pointerId) this.#from = null
  }

  // Not where what a finger touches, which has it at first, hands it over to the stage.
  onLose = (event) => this.stage.hasPointerCapture(event.pointerId) || this.onUp(event)

  #zoomTo(zoom) {
    const before = this.#zoom
    this.#zoom = Math.min(Math.max(zoom, 1), MOST_ZOOM)
    this.#x *= this.#zoom / before
    this.#y *= this.#zoom / before
    this.#moveBy(0, 0)
  }

  // No farther than to the edge; both pictures alike.
  #moveBy(dx, dy) {
    const { clientWidth, clientHeight } = this.stage.firstElementChild
    const far = (size) => ((this.#zoom - 1) * size) / 2
    const within = (value, most) => Math.min(Math.max(value, -most), most)
    this.#x = within(this.#x + dx, far(clientWidth))
    this.#y = within(this.#y + dy, far(clientHeight))
    this.stage.style.setProperty("--zoom", this.#zoom)
    this.stage.style.setProperty("--x", `${this.#x}px`)
    this.stage.style.setProperty("--y", `${this.#y}px`)
  }
}

customElements.define("compare-pictures", ComparePictures)
