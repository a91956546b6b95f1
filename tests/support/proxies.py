"""nginx and Caddy as processes of their own, told what `deploy/` tells them, with a test's addresses in place of its own."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.support import bound, ports
from tests.support import product as products
from tests.support.dockerfile import ROOT

DEPLOY = ROOT / "deploy"
_CERTIFICATE = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
# Where Debian keeps servers, which people's PATH need not name.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    """Where a program is; the test that needs it is skipped where it is not."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.skip(f"{name} is not here: what the examples make of it cannot be shown")
    return found


class Front(products.Product):
    """One proxy. `upstreams`: the web processes as the example calls them → where they are."""

    def __init__(self, kind: str, folder: Path, upstreams: Mapping[str, str]) -> None:
        self.kind, self.folder, self._upstreams = kind, folder, upstreams
        self._program = program(kind)
        self.url = f"http://127.0.0.1:{ports.reserve()}"
        self.log = folder / f"{kind}.log"

    async def start(self) -> None:
        """Starts it and waits until somebody behind it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._nginx() if self.kind == "nginx" else self._caddy()
        with self.log.open("ab") as output:
            # Caddy keeps its certificates and its last configuration at home.
            home = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
            # SIGTERM, as below.
            self.process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **home},
                stdout=output,
                stderr=output,
                preexec_fn=bound.to_this_process(signal.SIGTERM),
            )
        try:
            await self._wait_until_ready()
        except BaseException:
            await self.kill()
            raise

    async def _wait_until_ready(self) -> None:
        await products.wait_until_ready(self)

    async def kill(self) -> None:
        """Ends it by its own way first: nginx's worker would outlive a killed master."""
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()

    @property
    def _address(self) -> str:
        return self.url.removeprefix("http://")

    def _put_upstreams(self, text: str) -> str:
        for there, here in self._upstreams.items():
            text = text.replace(there, here)
        return text

    def _with_addresses(self, text: str) -> str:
        return text.replace("listen 80;", f"listen {self._address};")

    def _nginx(self) -> list[str]:
        text = self._with_addresses(self._put_upstreams((DEPLOY / "nginx.conf").read_text()))
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "\n".join(f"{kind}_temp_path {self.folder}/nginx-{kind};" for kind in kinds)
        text = text.replace("http {", f"http {{\naccess_log off;\n{paths}")
        # As root its workers would become somebody who may not enter a test's folder.
        user = "user root root;\n" if os.geteuid() == 0 else ""
        path = self.folder / "nginx.conf"
        path.write_text(f"{user}pid {self.folder}/nginx.pid;\ndaemon off;\n{text}")
        command = [self._program, "-p", str(self.folder), "-c", str(path), "-e", "stderr"]
        self._check([*command, "-t"])
        return command

    def _caddy(self) -> list[str]:
        text = self._put_upstreams((DEPLOY / "Caddyfile").read_text())
        text, count = re.subn(r"(?m)^pictures\.example\.org \{$", f"http://{self._address} {{\n\tbind 127.0.0.1", text)
        assert count == 1
        path = self.folder / "Caddyfile"
        assert "{\n\tservers {" in text
        path.write_text(text.replace("{\n\tservers {", "{\n\tadmin off\n\tservers {", 1))
        self._check([self._program, "adapt", "--config", str(path), "--adapter", "caddyfile", "--validate"])
        return [self._program, "run", "--config", str(path), "--adapter", "caddyfile"]

    def _check(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=self.folder)
        assert done.returncode == 0, done.stderr


class TlsFront(Front):
    """nginx with TLS, as its example says: at `https_url`, with a certificate of its own, and `url` leads there."""

    def __init__(self, folder: Path, upstreams: Mapping[str, str]) -> None:
        super().__init__("nginx", folder, upstreams)
        self.https_url = f"https://127.0.0.1:{ports.reserve()}"

    async def _wait_until_ready(self) -> None:
        async with asyncio.timeout(30), aiohttp.ClientSession() as client:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with client.get(f"{self.https_url}/readyz", ssl=False) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    def _with_addresses(self, text: str) -> str:
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        self._check([program("openssl"), *_CERTIFICATE, "-keyout", str(key), "-out", str(certificate)])
        text, count = re.subn(r"(?m)^    listen 80;\n    # With TLS, in its place:\n", "", text)
        assert count == 1
        # What is a directive behind its "#" is one of TLS.
        text = re.sub(r"(?m)^( *)# ( *(?:[a-z][^\n]*[;{]|\}))$", r"\1\2", text)
        places = {
            "listen 443 ": f"listen {self.https_url.removeprefix('https://')} ",
            "/etc/ssl/pictures.example.org.pem": str(certificate),
            "/etc/ssl/pictures.example.org.key": str(key),
            "https://$host$": f"{self.https_url}$",
        }
        for there, here in places.items():
            assert there in text
            text = text.replace(there, here)
        return super()._with_addresses(text)
