"""One web process: uvicorn with the application, and its drain. `server` imports it while the database starts."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from chatserver.app.web_application import WebApplication, open_web_application
from chatserver.config import Config
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import ACCEPTED_AT_ONCE, CONNECTIONS, HttpLimits
from chatserver.edge.websocket_protocol import uvicorn_settings
from chatserver.net import ip_addresses
from chatserver.runtime import file_descriptors, termination
from chatserver.runtime.process_roles import ProcessRole
from chatserver.web.headers import security_headers


async def serve(config: Config, role: ProcessRole, listener: socket.socket, number: int | None) -> None:
    """One web process on a socket that is listening already; `number` is its own among several on the same socket."""
    async with open_web_application(config, with_worker=role is ProcessRole.all) as product:
        product.number = number
        # libuv accepts one connection of a handle in each iteration of the loop; all of these have one queue in the kernel.
        handles = [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]
        await DrainingServer(_uvicorn_config(config, product), product).serve(sockets=handles)


def _uvicorn_config(config: Config, product: WebApplication) -> uvicorn.Config:
    return uvicorn.Config(
        product,
        **uvicorn_settings(_connection_limiter(config)),
        lifespan="off",
        loop="uvloop",
        access_log=False,
        log_config=None,
        date_header=True,
        backlog=file_descriptors.backlog(),
    )


def _connection_limiter(config: Config) -> ConnectionLimiter:
    http_limits = HttpLimits(
        connections_per_address=config.connections_per_address + config.sockets_per_address,
        connections=min(file_descriptors.connection_limit(), CONNECTIONS),
    )
    trusted = [ip_addresses.setting("TRUSTED_PROXIES", text) for text in config.trusted_proxies]

    def trusts(text: str) -> bool:
        address = ip_addresses.address_of(text)
        return address is not None and any(address in network for network in trusted)

    return ConnectionLimiter(http_limits, trusts=trusts, headers=security_headers(config))


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which drains the product's websockets before it closes anything."""

    def __init__(self, config: uvicorn.Config, product: WebApplication) -> None:
        super().__init__(config)
        self._product = product

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal that asks for the end ends `serve`; a second one cuts what is left."""
        with termination.handled(self._ask_to_exit):
            yield

    def _ask_to_exit(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._product.announce_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._product.drain()
        await super().shutdown(sockets)
