/** The id of the person for whom this page was rendered, or an empty string where nobody is signed in. */
export function viewer() {
  return document.querySelector('meta[name="viewer-id"]')?.content ?? ""
}
