// Favourites of the gallery: the server hears of them in the order of the presses, whether one is about a picture or
// about all that are selected.
import { bus } from "../bus.js"
import { Turns } from "../models/turns.js"
import { call } from "./api.js"

const turns = new Turns()

/**
 * Makes files favourites, or no longer: at once on those of them that are `shown`, and as the server has it where that
 * refuses the last of several changes. Resolves with whether it was taken.
 */
export async function markFavorites(assets, shown, on) {
  for (const picture of shown) picture.beginChange(on)
  try {
    await turns.take(() => call("POST", "/pictures/favorites", { asset_ids: assets, on }))
    for (const picture of shown) picture.endChange(on)
    return true
  } catch (error) {
    for (const picture of shown) picture.endChange()
    bus.emit("toast", { kind: "favorite", text: error.message, problem: true })
    return false
  }
}
