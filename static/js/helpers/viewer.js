// The id of the person for whom this page was drawn, or nothing where nobody signed in.
export function viewer() {
  return document.querySelector('meta[name="viewer-id"]')?.content ?? ""
}
