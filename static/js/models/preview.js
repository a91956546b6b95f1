// The preview above a picture that is being made: the provider's intermediate picture, or the placeholder, until the
// file has loaded.
import { webpUrl } from "../helpers/blobs.js"

const LONGEST_MS = 3000 // the preview stays until the file has loaded, but no longer than this
const FADE_MS = 400

export class Preview {
  #image

  constructor(image) {
    this.#image = image
  }

  /** Shows a WebP picture in base64. */
  show(base64) {
    this.#setUrl(webpUrl(base64))
  }

  hide() {
    this.#setUrl(null)
  }

  /** Keeps the preview, or else the placeholder, until `picture` has loaded; then calls `loaded` and hides it. */
  replaceBy(picture, placeholder, loaded) {
    if (picture.complete && picture.naturalWidth) return this.#finish(loaded)
    if (this.#image.hidden && placeholder) this.show(placeholder)
    picture.addEventListener("load", () => this.#finish(loaded), { once: true })
    setTimeout(() => this.#finish(loaded), LONGEST_MS)
  }

  #finish(loaded) {
    if (loaded()) setTimeout(() => this.hide(), FADE_MS)
  }

  #setUrl(url) {
    if (this.#image.src) URL.revokeObjectURL(this.#image.src)
    this.#image.hidden = !url
    if (url) this.#image.src = url
    else this.#image.removeAttribute("src")
  }
}
