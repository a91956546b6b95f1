"""Websockets: from an announcement to every socket of its session, in order and once.

The way of one event:

1. A verb calls `tx.announce(channel, event)`; after COMMIT `database.unit_of_work` calls `hub.Hub.publish`.
2. The hub encodes the event once and gives the `Envelope` to the broker (`brokers.memory`, `brokers.redis`).
3. In every process that is subscribed to the channel the broker calls `hub.Hub._deliver`, which decodes events of others.
4. `channel.Channel.receive` holds back frequent ephemeral events (`throttle`) and sorts durable ones by seq
   (`reorder_buffer`). A gap is read from the `ports.SessionSource`; `maintenance` finds it where no event follows.
5. At the end of the loop's iteration `channel.Channel.flush` gives the batch to its `subscribers`, one group a subprotocol.
6. `subscribers.Subscribers.broadcast` encodes the batch once into one frame (`protocol.array_frame`).
7. The frame is written to the `transport` of each ready `connection`; a paused or new one keeps the events in its `outbox`.
8. `edge.websocket_protocol` is that transport: the bytes go to the browser as they are.

A new socket: `endpoint` (who may connect) → `admission` (how many) → `initial_sync` (snapshot, then what came meanwhile).
A command: `inbox` → the feature's function → its reply, after the events that were announced before it.
`cluster/` shares presence, socket counts and readiness between the processes.
"""
