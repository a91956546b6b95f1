// Node's `ws`, where it is installed: rooms are sets, and each socket is sent to. No sign-in, no order, no history.

const { createServer } = require("node:http")
const net = require("node:net")
const { WebSocketServer } = require("ws")

const [clients, orders] = process.argv.slice(2).map(Number)
const TRIGGER_BYTES = 16
const EVENT_BYTES = 200
const rooms = new Map()

const web = createServer()
const sockets = new WebSocketServer({ server: web, perMessageDeflate: false })
sockets.on("connection", (socket, request) => {
  const number = Number(request.url.split("?")[0].slice(-12))
  if (!rooms.has(number)) rooms.set(number, new Set())
  rooms.get(number).add(socket)
  socket.on("close", () => rooms.get(number).delete(socket))
})

function event(nanoseconds) {
  const text = `~${String(nanoseconds).padStart(19, "0")}`.padEnd(EVENT_BYTES - '{"type":"delta","text":""}'.length, "x")
  return Buffer.from(`[${JSON.stringify({ type: "delta", text })}]`)
}

net.createServer(control => {
  let kept = Buffer.alloc(0)
  control.on("data", data => {
    kept = Buffer.concat([kept, data])
    for (; kept.length >= TRIGGER_BYTES; kept = kept.subarray(TRIGGER_BYTES)) {
      const number = Number(kept.readBigUInt64LE(0) & 0x7fffffffffffffffn)
      const message = event(kept.readBigUInt64LE(8))
      for (const socket of rooms.get(number) ?? []) socket.send(message, { binary: false })
    }
  })
}).listen({ fd: orders })

web.listen({ fd: clients })
