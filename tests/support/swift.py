"""A real S3 server for tests: OpenStack Swift in a process of its own, on free ports, in a temporary folder.

    async with running_swift(tmp_path) as swift:
        url = swift.url("a-bucket")          # STORAGE_URL; the keys stand in the environment while it runs

`swift.kill()` is kill -9, `await swift.start()` starts it again on the same ports with what it had.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

from tests.support import bound, ports

ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
REGION = "us-east-1"
# Two seconds on a quiet machine; a busy one may take long.
START_SECONDS = 60
KEYS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Nobody's own configuration may leak into a test.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class Swift:
    """One server. `port` speaks S3."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [ports.reserve() for _ in range(4)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, bucket: str = "", *, endpoint: str = "") -> str:
        """A STORAGE_URL for a bucket here; `endpoint` to go through a proxy."""
        return f"s3://{bucket}?endpoint={endpoint or self.endpoint}&region={REGION}&path_style=yes"

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        script = Path(__file__).with_name("swift_server.py")
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / "output.log"
        with output.open("ab") as log:
            # -P: or this module would hide the package of its name.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", str(script), str(self.folder), *map(str, self.ports)],
                stdout=log,
                stderr=log,
                preexec_fn=bound.to_this_process(),
            )
        until = time.monotonic() + START_SECONDS
        while not all(is_open(port) for port in self.ports):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Swift did not start: {output.read_text()[-2000:]}")
            await asyncio.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextlib.asynccontextmanager
async def running_swift(folder: Path) -> AsyncIterator[Swift]:
    """A server for as long as the block runs, with its keys in this process's environment."""
    swift = Swift(folder)
    try:
        await swift.start()
        with mock.patch.dict(os.environ, KEYS):
            yield swift
    finally:
        swift.kill()


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
