/**
 * Shows the picture of a card's file: what the page has loaded of it at once, and then all of it, as WebP, which is a
 * tenth of the PNG. `isWanted` says whether it is still the one to be shown.
 */
export function showWhole(image, { url, shown, alt, width, height }, isWanted) {
  Object.assign(image, { alt, width, height, src: shown })
  const whole = new Image()
  whole.addEventListener("load", () => isWanted() && (image.src = whole.src))
  whole.src = url.replace(/\.png$/, ".webp")
}
