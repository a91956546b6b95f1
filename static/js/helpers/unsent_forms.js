// What is typed into a form is kept in the tab until the form is done: its answer may be the sign-in page, or a page
// that says why it was not done. Hidden fields are not kept, nor any form with a password.
import { viewer } from "./viewer.js"

const KEY = "unsent-forms"
const NOT_TYPED = ["hidden", "file", "submit", "button", "reset", "image"]

/** Shows again what was not done, and keeps what is sent from this page. */
export function keepForms() {
  const sent = read()
  if (document.querySelector("[data-undone]")) write(sent.map((each) => ({ ...each, undone: true })))
  else write(sent.filter((each) => each.undone && !isRestored(each)))
  addEventListener("submit", ({ target, defaultPrevented }) => {
    if (!defaultPrevented && target.method === "post" && !target.querySelector("[type=password]")) keep(target)
  })
}

function keep(form) {
  const fields = fieldsOf(form).map((field) => [field.name, valueOf(field)])
  if (fields.length === 0) return
  const others = read().filter((each) => each.action !== form.action)
  write([...others, { action: form.action, viewer: viewer(), fields }])
}

/** Fills the form of this page that was sent to the same address by the same person; whether there is one. */
function isRestored({ action, viewer: sender, fields }) {
  const form = [...document.forms].find((each) => each.method === "post" && each.action === action)
  if (!form || sender !== viewer()) return false
  const changed = fieldsOf(form).filter((field, index) => {
    const [name, value] = fields[index] ?? []
    return name === field.name && value !== valueOf(field) && fill(field, value)
  })
  if (changed.length > 0) show(changed[0])
  return true
}

function fill(field, value) {
  if (typeof value === "boolean") field.checked = value
  else field.value = value
  return field.dispatchEvent(new Event("input", { bubbles: true }))
}

function show(field) {
  for (let closed; (closed = field.closest("details:not([open])")); ) closed.open = true
  field.closest("[popover]:not(:popover-open)")?.showPopover()
  field.focus()
}

function fieldsOf(form) {
  return [...form.elements].filter(({ name, type }) => name && !NOT_TYPED.includes(type))
}

function valueOf(field) {
  return ["checkbox", "radio"].includes(field.type) ? field.checked : field.value
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? []
  } catch {
    return []
  }
}

function write(forms) {
  try {
    if (forms.length > 0) sessionStorage.setItem(KEY, JSON.stringify(forms))
    else sessionStorage.removeItem(KEY)
  } catch {
    // nothing is stored here
  }
}
