// Loads what brings pictures into the composer when it is first asked for: by a file that is pasted or dropped, a
// picture of the page, one that the address names, or the press on the composer's chip; and the brush that marks a part
// of one.
import { bus } from "./bus.js"
import { UNREACHABLE } from "./helpers/api.js"
import { setFlag } from "./helpers/dom.js"

const chooser = document.querySelector("source-chooser")
const painter = document.querySelector("mask-painter")
let loading = null
let loadingBrush = null

// The part that has been painted before goes on from there.
async function paintPart() {
  const { source_asset_id: source, mask } = chooser.closest("form").elements
  if (!source.value) return
  try {
    await (loadingBrush ??= import(painter.dataset.script))
    await painter.open({ asset: source.value, mask: mask.value })
  } catch {
    loadingBrush = null
    bus.emit("toast", { kind: "files", text: UNREACHABLE, problem: true })
  }
}

async function ask(what, subject) {
  try {
    await (loading ??= import(chooser.dataset.script))
    await chooser[what](subject)
  } catch {
    loading = null
    bus.emit("toast", { kind: "files", text: UNREACHABLE, problem: true })
  }
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
    ask("use", { use: button.dataset.use, asset: (holder.card ?? holder).dataset.asset })
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

for (const each of [chooser, painter]) each.addEventListener("source-event", ({ detail }) => bus.emit(...detail))
bus.on("paint-part", paintPart)
bus.on("cancel-upload", () => chooser.cancelUploads())
chooser.addEventListener("beforetoggle", ({ newState }) => newState === "open" && ask("fill"))
for (const type of ["dragover", "dragleave", "drop"]) addEventListener(type, onDrag)
addEventListener("paste", onPaste)
addEventListener("click", onClick)
followAddress()
