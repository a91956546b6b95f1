// The favourites of the reader in this session: what the connection tells, and what is pressed on the page.
// Pictures are drawn for everyone alike, so each one shows its mark by itself.
import { bus } from "./bus.js"
import { socket } from "./socket.js"

const marked = new Set() // as the page shows them
const stored = new Set() // as the server has them
const latest = new Map() // the last press of each file, until it is answered

/** Whether a file is a favourite. */
export function isFavorite(asset) {
  return marked.has(asset)
}

/** Makes a file a favourite, or no longer: at once on the page, and as the server has it where that refuses. */
export async function setFavorite(asset, on) {
  const press = {}
  latest.set(asset, press)
  show([asset], on)
  try {
    await socket.send("asset.favorite", { asset_id: asset, on })
    put(stored, [asset], on)
  } catch {
    // the toast shows the reason
  }
  if (latest.get(asset) !== press) return
  latest.delete(asset)
  if (stored.has(asset) !== marked.has(asset)) show([asset], stored.has(asset))
}

function show(assets, on) {
  put(marked, assets, on)
  bus.emit("favorites-changed")
}

function put(favorites, assets, on) {
  for (const asset of assets) on ? favorites.add(asset) : favorites.delete(asset)
}

// What the connection tells may be of an earlier press than the last one here, which the server has not answered.
socket.on("favorites", ({ asset_ids: assets, on, whole }) => {
  const settled = (all) => [...all].filter((asset) => !latest.has(asset))
  if (whole) {
    stored.clear()
    put(marked, settled(marked), false)
  }
  put(stored, assets, on)
  show(settled(assets), on)
})
