/** The named place ([data-slot]) inside an element. */
export function slot(element, name) {
  return element.querySelector(`[data-slot="${name}"]`)
}

/** Sets a node's text where it differs: setting the same text again would alert screen readers and cost a layout. */
export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text
}

/** Sets or removes a boolean attribute. */
export function setFlag(element, name, on) {
  element.toggleAttribute(name, Boolean(on))
}

/** Called for an element that is disconnected, ends what it has begun: unless it only moves in the page. */
export function unlessMoved(element, end) {
  queueMicrotask(() => element.isConnected || end())
}

/** Whether the person is typing into a field, so that single letters are not shortcuts. */
export function isEditable(target) {
  return target.matches?.("input, textarea, select, [contenteditable]") ?? false
}

/** Copies a text, or what a promise of one comes to, to the clipboard. */
export async function copyText(text) {
  try {
    // Written at once in the press, also where the text comes later: Safari refuses what is written after a wait.
    const item = new ClipboardItem({ "text/plain": Promise.resolve(text).then(asFile) })
    await navigator.clipboard.write([item])
  } catch {
    copyBySelection(await text) // the Clipboard API exists in secure contexts only
  }
}

function asFile(text) {
  return new Blob([text], { type: "text/plain" })
}

function copyBySelection(text) {
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  document.execCommand("copy")
  field.remove()
}
