// The page's one socket. Elements listen with `live.on(type, …)` and ask with `live.send(type, fields)`.
import { viewer } from "./helpers/viewer.js"
import { Outbox } from "./models/outbox.js"
import { Socket } from "./socket.js"

export const live = new Socket(new Outbox(viewer()), viewer())
