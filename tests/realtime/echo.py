"""The product's websocket protocol with an echo behind it, for general test programs like Autobahn's (docs/websocket.md).

python -m tests.realtime.echo 9001                # with the product's limits
python -m tests.realtime.echo 9001 --unbounded    # without those of message size and number of frames
"""

import argparse
import asyncio

import uvicorn
from starlette.types import Receive, Scope, Send

from chatserver.edge.websocket_protocol import WebSocketProtocol, uvicorn_settings
from chatserver.realtime import rate_limit
from chatserver.realtime.protocol import text_frame
from chatserver.realtime.transport import EXTENSION

# Autobahn's largest message has 16 MiB.
UNBOUNDED_BYTES = 32 * 1024 * 1024


class EchoProtocol(WebSocketProtocol):
    """Text reaches the listener as in the product; binary messages, which the product refuses, are echoed here."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if not self.close_sent:
            frame = text_frame(data)
            self.write(b"\x82" + frame[1:])


class Echo:
    """A transport listener that sends back each text."""

    def __init__(self, transport: WebSocketProtocol) -> None:
        self._transport = transport
        self.over = asyncio.get_running_loop().create_future()

    def text_received(self, text: str) -> None:
        self._transport.write(text_frame(text.encode()))

    def binary_received(self) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self) -> None:
        self.over.set_result(None)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None})
    transport = scope["extensions"][EXTENSION]
    echo = Echo(transport)
    transport.attach(echo)
    await echo.over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--unbounded", action="store_true")
    asked = parser.parse_args()
    settings = uvicorn_settings(ws=EchoProtocol)
    if asked.unbounded:
        settings["ws_max_size"] = UNBOUNDED_BYTES
        rate_limit.FRAMES_AT_ONCE = rate_limit.FRAMES_PER_SECOND = 10**9
    uvicorn.run(app, host="127.0.0.1", port=asked.port, lifespan="off", log_level="warning", **settings)


if __name__ == "__main__":
    main()
