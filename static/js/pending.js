// Messages that were sent and are not stored yet: clones of the page's <template>s, filled with the command's fields.
import { slot } from "./helpers/dom.js"
import { now } from "./helpers/time.js"
import { viewer } from "./helpers/viewer.js"

const TEMPLATES = { "message.create": () => "pending_text", "generation.create": ({ kind }) => `pending_${kind}` }

/** Whether a command makes a message, which is shown until it is stored. */
export function makesMessage(command) {
  return command.type in TEMPLATES
}

/** A pending message for a command, or null where the command makes no message. */
export function pendingMessage(command) {
  const template = TEMPLATES[command.type]?.(command)
  if (!template) return null
  const message = document.importNode(document.getElementById(template).content, true).querySelector("chat-message")
  setIdentity(message, command)
  slot(message, "text").textContent = command.text ?? command.prompt
  if (command.prompt) fillStacks(message, command)
  return message
}

function setIdentity(message, { client_id: clientId }) {
  const created = now().toISOString()
  message.id = `pending_${clientId}`
  message.setAttribute("data-local-pending", "")
  Object.assign(message.dataset, { clientId, authorId: viewer(), created })
  message.querySelector("time").dateTime = created
}

function fillStacks(message, { count = 1, width = 512, height = 512 }) {
  const stacks = slot(message, "stacks")
  const [first] = stacks.children
  stacks.closest("generation-batch").dataset.shown = count
  first.removeAttribute("id")
  const card = first.querySelector("generation-card")
  card.removeAttribute("id")
  Object.assign(card.dataset, { created: message.dataset.created, width, height })
  for (let number = 2; number <= count; number++) {
    stacks.append(first.cloneNode(true))
    stacks.lastElementChild.querySelector("generation-card").ariaLabel = card.ariaLabel.replace("1", number)
  }
}
