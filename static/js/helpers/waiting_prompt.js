// A prompt that was typed before there was a session for it. It is kept in the tab until somebody has signed in, then
// as that person's, until the composer of a session takes it.
import { readStored, writeStored } from "./storage.js"
import { viewer } from "./viewer.js"

const KEY = "waiting-prompt"

/** Keeps a prompt; an empty one deletes what is kept. */
export function keepPrompt(text) {
  if (viewer()) return writeStored(KEY, text.trim() || null)
  try {
    sessionStorage.setItem(KEY, text.trim())
  } catch {
    // the server has it, where it can make the picture at once
  }
}

/** Makes what this tab keeps that of the person who has signed in. */
export function adoptPrompt() {
  if (!viewer()) return
  try {
    const text = sessionStorage.getItem(KEY)
    if (text !== null) writeStored(KEY, text || null)
    sessionStorage.removeItem(KEY)
  } catch {
    // nothing is stored here
  }
}

/** Takes the prompt that waits: a draft for the composer, or null. What the stream shows already waits no more. */
export function takePrompt() {
  adoptPrompt()
  const text = readStored(KEY)
  if (!text || document.querySelector("chat-room")?.dataset.mayGenerate !== "yes") return null
  writeStored(KEY, null)
  const made = [...document.querySelectorAll(".message__prompt")].some((each) => each.textContent.trim() === text)
  return made ? null : { text, mode: "image" }
}
