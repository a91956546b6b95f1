// The named places inside an element ([data-slot]), and what is done with them.
export function slot(element, name) {
  return element.querySelector(`[data-slot="${name}"]`)
}

// Writes only what changed: the same text again would still wake screen readers and layout.
export function write(node, text) {
  if (node && node.textContent !== text) node.textContent = text
}

export function mark(element, name, on) {
  element.toggleAttribute(name, Boolean(on))
}

// Whether the person is writing somewhere, so that plain letters are no shortcuts.
export function writing(target) {
  return target.matches?.("input, textarea, select, [contenteditable]") ?? false
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    copyTheOldWay(text) // the clipboard is there on secure addresses only
  }
}

function copyTheOldWay(text) {
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  document.execCommand("copy")
  field.remove()
}
