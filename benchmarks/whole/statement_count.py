"""Counts what a process says to Postgres: a proxy between them that reads the frontend's half of the protocol."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass
class Count:
    """Statements and round trips until now. `texts` has what was prepared or sent as it is, for a look."""

    statements: int = 0
    round_trips: int = 0
    texts: list[str] = field(default_factory=list)

    def message(self, kind: bytes, body: bytes) -> None:
        """One message of the protocol: Query has statements in its text, Execute is one, Sync ends a round trip."""
        if kind == b"Q":
            text = body[:-1].decode()
            self.statements += sum(bool(each.strip()) for each in text.split(";"))
            self.round_trips += 1
            self.texts.append(text)
        elif kind == b"P":
            self.texts.append(body.split(b"\0")[1].decode())
        elif kind == b"E":
            self.statements += 1
        elif kind in {b"S", b"H"}:
            self.round_trips += 1


@contextlib.asynccontextmanager
async def counting(server: Path, folder: Path) -> AsyncIterator[Count]:
    """A socket in `folder` that leads to the one in the folder `server`, and what has passed it."""
    count = Count()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_unix_connection(server / _SOCKET_NAME)
        back = asyncio.create_task(_copy(upstream, writer))
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = await reader.readexactly(4)  # the startup message has no kind
            downstream.write(head + await reader.readexactly(int.from_bytes(head) - 4))
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                count.message(head[:1], body)
                downstream.write(head + body)
        downstream.close()
        await back

    async with await asyncio.start_unix_server(relay, folder / _SOCKET_NAME):
        yield count


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()
