// The favourites of whoever reads this, in this session: what the connection tells, and what is pressed on the page.
// Pictures are drawn for everyone alike, so each one shows its mark by itself.
import { bus } from "./bus.js"
import { socket } from "./socket.js"

const marked = new Set()

/** Whether a file is a favourite. */
export function isFavorite(asset) {
  return marked.has(asset)
}

/** Makes a file a favourite, or no longer: at once on the page, and back where the server refuses. */
export function setFavorite(asset, on) {
  change([asset], on)
  socket.send("asset.favorite", { asset_id: asset, on }).catch(() => change([asset], !on))
}

function change(assets, on) {
  for (const asset of assets) on ? marked.add(asset) : marked.delete(asset)
  bus.emit("favorites-changed")
}

socket.on("favorites", ({ asset_ids: assets, on, whole }) => {
  if (whole) marked.clear()
  change(assets, on)
})
