"""compose.yaml without an engine: its own services as processes of this machine, told what the containers are told, with
loopback addresses where compose has names."""

import asyncio
import re
from pathlib import Path
from typing import Any

import yaml

from tests.support import dockerfile, ports, proxies, swift
from tests.support import product as products
from tests.support.product import Product

FILE = dockerfile.ROOT / "compose.yaml"
# The .env of the operator; the keys are those that the tests' S3 server knows.
VARIABLES = {
    "POSTGRES_PASSWORD": "not-asked-for-on-a-local-socket",
    "S3_ACCESS_KEY": swift.ACCESS_KEY,
    "S3_SECRET_KEY": swift.SECRET_KEY,
    "SECRET_KEY": "one-key-for-all-machines",
}


def services(variables: dict[str, str] = VARIABLES) -> dict[str, dict[str, Any]]:
    """Every service by its name, with the variables filled in as `docker compose` does; `variables` are its .env."""
    found: dict[str, dict[str, Any]] = _filled(yaml.safe_load(FILE.read_text())["services"], variables)
    for service in found.values():
        if service.get("env_file") == [".env"]:
            service["environment"] = {**variables, **service["environment"]}
    return found


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, variables) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        name, kind, words = match.groups()
        if kind == ":?" and not variables.get(name):
            raise KeyError(f"{name}: {words}")
        return variables.get(name) or words

    return re.sub(r"\$\{(\w+)(:[?-])([^}]*)\}", fill, value)


class Composition:
    """`addresses` are (what compose.yaml says, what stands here in its place), tried in order on every setting."""

    def __init__(self, folder: Path, addresses: list[tuple[str, str]]) -> None:
        self.folder, self.services = folder, services()
        self.own = {name: each for name, each in self.services.items() if each["image"] == "chatserver"}
        self.ports = {name: ports.reserve() for name in self.own}
        self.running: dict[str, Product] = {}
        self._addresses = addresses

    @property
    def web(self) -> list[Product]:
        return [self.running[name] for name in self.own if name.startswith("web")]

    @property
    def upstreams(self) -> dict[str, str]:
        """What the proxies' examples call the web processes, and where these listen here."""
        return {f"{name}:8000": f"127.0.0.1:{port}" for name, port in self.ports.items()}

    async def start(self) -> None:
        """Every service of ours at once, as compose does."""
        started = await asyncio.gather(*(self._start(name) for name in self.own))
        self.running = dict(zip(self.own, started, strict=True))

    async def _start(self, name: str) -> Product:
        process = await products.start(
            self.folder / name, *self.own[name]["command"], wait=False, port=self.ports[name], **self.settings(name)
        )
        try:
            if "web" in self.own[name]["command"]:
                await products.wait_until_ready(process)
            else:
                await products.wait_for_line(process, "worker.started")
        except BaseException:
            await process.kill()
            raise
        return process

    def settings(self, name: str) -> dict[str, str]:
        """The image's environment and the service's, with our addresses."""
        given = {**dockerfile.environment(), **self.own[name]["environment"]}
        ours = {"HOST": "127.0.0.1", "PORT": str(self.ports[name]), "DATA_DIR": str(self.folder / name)}
        return {key: self._here(str(value)) for key, value in {**given, **ours}.items()}

    def _here(self, text: str) -> str:
        for there, here in self._addresses:
            text = text.replace(there, here)
        return text

    async def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """`docker compose run --rm NAME ARGUMENTS`: the exit code and what was printed."""
        command = await products.start(self.folder / name, *arguments, wait=False, **self.settings(name))
        code = await asyncio.wait_for(command.process.wait(), products.START_SECONDS)
        return code, command.output()

    async def restart(self, process: Product) -> Product:
        """What `restart: unless-stopped` does for one that died."""
        [name] = [name for name, each in self.running.items() if each is process]
        self.running[name] = await self._start(name)
        return self.running[name]

    def front(self, kind: str, folder: Path) -> "proxies.Front":
        """nginx or Caddy by its example, before the web processes."""
        return proxies.Front(kind, folder, self.upstreams)

    async def close(self) -> None:
        await asyncio.gather(*(process.kill() for process in self.running.values()))
