/** The id of the person for whom this page was rendered, or an empty string where nobody is signed in. */
export function viewer() {
  return document.querySelector('meta[name="viewer-id"]')?.content ?? ""
}

/** Whether the reader has written a message, or asked for its pictures. */
export function isOwn({ dataset: { authorKind, authorId } }) {
  return authorKind === "user" && authorId === viewer()
}
