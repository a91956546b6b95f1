/** A random id of 32 hexadecimal digits. crypto.randomUUID is missing on plain HTTP, as on many home networks. */
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
