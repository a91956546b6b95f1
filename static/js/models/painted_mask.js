// The part of a picture that somebody paints over, stroke by stroke, on a canvas that lies over the picture. Where the
// canvas is opaque, the picture may change.

const MOST_SIDE = 512 // pixels: fine enough for a finger, and a few kilobytes as a PNG
const MOST_TEXT = 43_000 // characters of base64: what the server takes is a little more
const OPAQUE = 128
const CLEARING = { clears: true }

export class PaintedMask {
  #canvas
  #context
  #steps = []
  #before = null // what was painted when it was opened

  constructor(canvas) {
    this.#canvas = canvas
    this.#context = canvas.getContext("2d", { willReadFrequently: true })
  }

  /** Starts with a picture of this size, and with a mask of it that was painted before, or an empty text. */
  async open({ width, height }, mask) {
    const scale = MOST_SIDE / Math.max(width, height)
    this.#canvas.width = Math.max(1, Math.round(width * scale))
    this.#canvas.height = Math.max(1, Math.round(height * scale))
    this.#steps = []
    this.#before = mask ? await this.#read(mask) : null
    this.#paintAll()
  }

  /** Begins a stroke at a point; that and the diameter are shares of the picture's sides, and of the longer one. */
  begin(point, diameter, erases) {
    this.#steps.push({ points: [point], diameter, erases })
    this.#paint(this.#steps.at(-1), 0)
  }

  /** Draws on to a point. */
  extend(point) {
    const stroke = this.#steps.at(-1)
    stroke.points.push(point)
    this.#paint(stroke, stroke.points.length - 2)
  }

  /** Takes everything away, which can be undone. */
  clear() {
    this.#steps.push(CLEARING)
    this.#paintAll()
  }

  undo() {
    this.#steps.pop()
    this.#paintAll()
  }

  get canUndo() {
    return this.#steps.length > 0
  }

  /** How much of the picture is painted over, 0 to 1. */
  get share() {
    const { data } = this.#pixels
    let painted = 0
    for (let index = 3; index < data.length; index += 4) painted += data[index] >= OPAQUE
    return painted / (data.length / 4)
  }

  /** A PNG in base64, white where it is painted; an empty text where nothing is. */
  toText() {
    if (!this.share) return ""
    const pixels = this.#pixels
    for (let index = 0; index < pixels.data.length; index += 4) {
      const level = pixels.data[index + 3] >= OPAQUE ? 255 : 0
      pixels.data.set([level, level, level, 255], index)
    }
    const whole = canvasOf(pixels)
    let text = encoded(whole)
    for (let scale = 2; text.length > MOST_TEXT; scale *= 2) text = encoded(smaller(whole, scale))
    return text
  }

  get #pixels() {
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height)
  }

  async #read(mask) {
    const bytes = Uint8Array.from(atob(mask), (character) => character.charCodeAt(0))
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }))
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height)
    this.#context.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height)
    const pixels = this.#pixels
    for (let index = 0; index < pixels.data.length; index += 4) pixels.data[index + 3] = pixels.data[index]
    return canvasOf(pixels)
  }

  #paintAll() {
    const { width, height } = this.#canvas
    const context = this.#context
    context.globalCompositeOperation = "source-over"
    context.clearRect(0, 0, width, height)
    const cleared = this.#steps.lastIndexOf(CLEARING)
    if (this.#before && cleared < 0) {
      context.drawImage(this.#before, 0, 0)
      context.globalCompositeOperation = "source-in"
      context.fillStyle = this.#colour
      context.fillRect(0, 0, width, height)
    }
    for (const stroke of this.#steps.slice(cleared + 1)) this.#paint(stroke, 0)
  }

  // A stroke from one of its points on.
  #paint({ points, diameter, erases }, from) {
    const context = this.#context
    const { width, height } = this.#canvas
    context.globalCompositeOperation = erases ? "destination-out" : "source-over"
    Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: diameter * Math.max(width, height) })
    context.strokeStyle = this.#colour
    context.beginPath()
    for (const { x, y } of points.slice(from)) context.lineTo(x * width, y * height)
    const last = points.at(-1)
    context.lineTo(last.x * width + 0.01, last.y * height) // a line of no length is not drawn everywhere
    context.stroke()
  }

  get #colour() {
    return getComputedStyle(this.#canvas).color
  }
}

function canvasOf(pixels) {
  const canvas = Object.assign(document.createElement("canvas"), { width: pixels.width, height: pixels.height })
  canvas.getContext("2d").putImageData(pixels, 0, 0)
  return canvas
}

function smaller(whole, scale) {
  const { width, height } = whole
  const sides = { width: Math.ceil(width / scale), height: Math.ceil(height / scale) }
  const canvas = Object.assign(document.createElement("canvas"), sides)
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height)
  return canvas
}

function encoded(canvas) {
  return canvas.toDataURL("image/png").split(",")[1]
}
