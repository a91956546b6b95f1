// A random id. crypto.randomUUID exists on secure addresses only, and a house's own network often has none.
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
