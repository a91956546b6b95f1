// The id of the person who signed in.
export function viewer() {
  return document.querySelector('meta[name="viewer-id"]')?.content ?? ""
}
