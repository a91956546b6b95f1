/** A blob: URL for a WebP picture in base64; the content security policy does not allow data: URLs. */
export function webpUrl(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }))
}
