// Loads the lightbox and the menus of pictures when they are first asked for, and opens the picture that an entry of
// the history names: after Forward, and after a reload.
import { bus } from "./bus.js"
import { UNREACHABLE } from "./helpers/api.js"

const LEAVING = "[data-leaving], [data-local-leaving]"

let loading = null

const find = (name) => document.querySelector(name)

function load() {
  loading ??= import(find("picture-viewer").dataset.script).catch((error) => {
    loading = null
    throw error
  })
  return loading
}

async function open(card) {
  try {
    await load()
  } catch {
    return location.assign(card.file.url) // the network is away; the browser may have the picture
  }
  if (card.isConnected) find("picture-viewer").open(card)
}

async function openMenu(show) {
  const loaded = await load().catch(() => null)
  if (loaded) show(find("picture-menu"))
  else bus.emit("toast", { kind: "menu", text: UNREACHABLE, problem: true })
}

// Not what is being deleted: it would be deleted there once more, and undone once.
function followHistory() {
  const { picture } = history.state ?? {}
  const card = picture && document.getElementById(picture)
  if (card?.file && !card.matches(LEAVING)) open(card)
  else if (loading) find("picture-viewer").onEntryLeft?.()
}

bus.on("open-picture", open)
bus.on("picture-menu", (asked) => openMenu((menu) => menu.showActions(asked)))
bus.on("formats-menu", (asked) => openMenu((menu) => menu.showFormats(asked)))
bus.on("report", (subject) => openMenu((menu) => menu.open("report", subject)))
bus.on("picture-removed", (card) => loading && find("picture-viewer").leave?.(card))
addEventListener("popstate", followHistory)
customElements.whenDefined("chat-room").then(followHistory) // all cards are set up before it
