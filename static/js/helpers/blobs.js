// A picture that came as base64, as an address for <img>: the content policy allows blob: and not data:.
export function webpAddress(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }))
}
