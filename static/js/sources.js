// Loads what brings pictures into the composer when it is first asked for: by a file that is pasted or dropped, a
// picture of the page, one that the address names, or the press on the composer's chip; the brush that marks a part of
// one; and the editor, which changes one over the lightbox.
import { bus } from "./bus.js"
import { UNREACHABLE } from "./helpers/api.js"
import { setFlag } from "./helpers/dom.js"
import { socket } from "./socket.js"

const [chooser, painter, editor] = ["source-chooser", "mask-painter", "picture-editor"].map((name) =>
  document.querySelector(name),
)
const loading = new Map()

const tellProblem = (text) => bus.emit("toast", { kind: "files", text, problem: true })

// Does `what` once the element's script is there, which is asked for again where it did not come.
async function load(element, what, tell = tellProblem) {
  try {
    if (!loading.has(element)) loading.set(element, import(element.dataset.script))
    await loading.get(element)
    await what()
  } catch {
    loading.delete(element)
    tell(UNREACHABLE)
  }
}

const ask = (what, subject) => load(chooser, () => chooser[what](subject))

// The part that has been painted before goes on from there.
function paintPart(subject = partOfComposer()) {
  if (subject.asset) load(painter, () => painter.open(subject), subject.tell)
}

function partOfComposer() {
  const { source_asset_id: asset, mask } = chooser.closest("form").elements
  const keep = (painted) => bus.emit("compose", { mode: "image", settings: { mask: painted } })
  return { asset: asset.value, mask: mask.value, keep, tell: tellProblem }
}

// Over the lightbox, where a tile's button opens that first.
function change(card) {
  if (document.querySelector(".viewer[open]")) return load(editor, () => editor.open(card, { bus, socket }))
  card.addEventListener("picture-shown", () => change(card), { once: true })
  bus.emit("open-picture", card)
}

// By default the browser opens a dropped file in place of the page.
function onDrag(event) {
  if (!event.dataTransfer.types.includes("Files")) return
  setFlag(chooser, "data-local-over", event.type === "dragover")
  if (event.type === "dragleave") return
  event.preventDefault()
  const { files } = event.dataTransfer
  if (event.type === "drop") ask("offer", { files, address: event.dataTransfer.getData("text/uri-list") })
}

// Formatted text, which may come with a picture of itself, is pasted as plain text.
function onPaste(event) {
  const { files, types } = event.clipboardData
  if (!files.length || types.includes("text/plain")) return
  event.preventDefault()
  ask("offer", { files, address: "" })
}

// A tile's button, or one of the menu or the lightbox, which have a tile as their card. What a picture was made from is
// looked at closely where the page has it.
function onClick(event) {
  const { target } = event
  const button = target.closest("[data-use]")
  if (button && button.ariaDisabled !== "true") {
    const holder = target.closest("generation-card, picture-menu, picture-viewer")
    const card = holder.card ?? holder
    const { use } = button.dataset
    if (use === "change") change(card)
    else ask("use", { use, asset: card.dataset.asset })
  }
  const asset = target.closest("[data-source]")?.dataset.source
  const card = asset && document.querySelector(`generation-card[data-asset="${asset}"]`)
  if (!card?.file || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  bus.emit("open-picture", card)
}

function followAddress() {
  const asked = new URLSearchParams(location.search)
  if (!asked.has("use")) return
  history.replaceState(history.state, "", location.pathname + location.hash)
  ask("use", { use: asked.get("use"), asset: asked.get("from") })
}

chooser.addEventListener("source-event", ({ detail }) => bus.emit(...detail))
bus.on("paint-part", paintPart)
bus.on("cancel-upload", () => chooser.cancelUploads())
chooser.addEventListener("beforetoggle", ({ newState }) => newState === "open" && ask("fill"))
for (const type of ["dragover", "dragleave", "drop"]) addEventListener(type, onDrag)
addEventListener("paste", onPaste)
addEventListener("click", onClick)
followAddress()
