// The page's own events: what elements tell each other, and what the connection tells about itself. Events from the
// server arrive at `socket` instead and have their own emitter.
import { Emitter } from "./models/emitter.js"

/** The page-local event bus. */
export const bus = new Emitter()
