// What is alike in all messages and tiles is drawn once for the page, as templates: [data-completed-by] names the one
// that belongs at the end of an element.

/** Completes what was drawn inside `root`. */
export function complete(root) {
  for (const place of root.querySelectorAll("[data-completed-by]")) {
    place.append(document.importNode(document.getElementById(place.dataset.completedBy).content, true))
    place.removeAttribute("data-completed-by")
  }
}
