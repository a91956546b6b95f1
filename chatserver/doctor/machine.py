"""What this machine provides: storage, Redis, disk space, confinement of child processes, a port to listen on."""

import asyncio
import contextlib
import errno
import math
import os
import socket
from pathlib import Path

import aiohttp

from chatserver import brokers, storage
from chatserver.config import Config
from chatserver.doctor.findings import Finding, failure, ok, warning
from chatserver.errors import ConfigurationError, StorageError
from chatserver.imaging.processor import ImageProcessor
from chatserver.storage.address import folder_of

DEADLINE_SECONDS = 15.0
GIBIBYTE = 1024**3
# Below the first, a day of pictures may fill the disk; below the second, Postgres itself is at risk.
LITTLE_BYTES, TOO_LITTLE_BYTES = 2 * GIBIBYTE, GIBIBYTE // 4
# A picture is a folder with some five files, in every format that it was downloaded in.
LITTLE_FILES, TOO_LITTLE_FILES = 20_000, 1000


async def check(config: Config) -> list[Finding]:
    """The findings on storage, Redis, disk, child processes and port."""
    found = await asyncio.gather(
        _storage(config), _redis(config), asyncio.to_thread(_disk, config), _children(), _port(config)
    )
    return list(found)


async def _storage(config: Config) -> Finding:
    where = "The bucket" if config.storage_url.startswith("s3:") else "The folder"
    mend = "Run chatserver storage create; then look at STORAGE_URL, the keys and the rights."
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            opened = await storage.open_storage(config)
            try:
                await opened.check()
                # The sweeper and the audit list objects, which needs a permission of its own.
                await anext(aiter(opened.walk("probe")), None)
            finally:
                await opened.close()
    except ConfigurationError as error:
        return failure("storage", error.message, mend)
    except StorageError as error:
        return failure("storage", f"{where} cannot be used. {error.cause or error.message}", error.mend or mend)
    except TimeoutError:
        return failure("storage", f"{where} did not answer within {DEADLINE_SECONDS:.0f} seconds.", mend)
    except Exception as error:  # noqa: BLE001 - whatever it is, files cannot be kept
        return failure("storage", f"{where} could not be written and read ({type(error).__name__}).", mend)
    return ok("storage", f"{where} takes a file, gives it back and removes it.")


async def _redis(config: Config) -> Finding:
    if not config.redis_url:
        return ok("redis", "Not used: one web process carries its events itself.")
    broker = brokers.open_broker(config)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await broker.check()
    except Exception as error:  # noqa: BLE001 - whatever it is, events are not carried
        words = f"Redis does not answer ({type(error).__name__}); events would come late, by the poll."
        return failure("redis", words, "Look at REDIS_URL and whether the server runs.")
    finally:
        await broker.close()
    return ok("redis", "Redis answers.")


def _disk(config: Config) -> Finding:
    """Of the disks that are written to, what is worst."""
    found = [_space("DATA_DIR", config.data_dir)]
    if config.storage_url and not config.storage_url.startswith("s3:"):
        with contextlib.suppress(ConfigurationError):  # the line of the storage tells of it
            found.append(_space("STORAGE_URL", folder_of(config.storage_url)))
    return max(found, key=lambda finding: ("ok", "warning", "failure").index(finding.status))


def _space(name: str, folder: Path) -> Finding:
    folder = folder.resolve()
    # Not `Path.exists`, which raises for what this user may not look into.
    while not os.path.exists(folder):
        folder = folder.parent
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    # Some file systems have no table of files that could be full.
    files = disk.f_favail if disk.f_files else math.inf
    words = f"{free / GIBIBYTE:.1f} GiB are free where {name} is"
    words += f", but only for {files:,} more files." if files < LITTLE_FILES else "."
    mend = "Free some, or move DATA_DIR or STORAGE_URL."
    if free < TOO_LITTLE_BYTES or files < TOO_LITTLE_FILES:
        return failure("disk", words, mend)
    return warning("disk", words, mend) if free < LITTLE_BYTES or files < LITTLE_FILES else ok("disk", words)


async def _children() -> Finding:
    """Starts a process that decodes pictures, and asks which confinements this machine allows it."""
    processor = ImageProcessor(size=1)
    try:
        await processor.start()
        confinement = processor.confinement
    finally:
        await processor.close()
    if confinement is None:
        return failure(
            "children", "The process that checks pictures does not start.", "Run chatserver serve, see its log."
        )
    if confinement.refused:
        words = f"What checks pictures runs without {' and '.join(confinement.refused)}: this machine refuses it."
        return warning("children", words, "Allow seccomp and no_new_privs in the container's profile.")
    return ok("children", f"What checks pictures is locked in: {', '.join(confinement.in_force)}.")


async def _port(config: Config) -> Finding:
    where = f"{config.host}:{config.port}"
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            return await _taken(config, where, error)
    return ok("port", f"{where} is free.")


async def _taken(config: Config, where: str, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE and await _is_ours(config):
        return ok("port", f"chatserver already listens on {where}.")
    return failure("port", f"Cannot listen on {where}: {error.strerror}.", "Set PORT or HOST.")


async def _is_ours(config: Config) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)  # noqa: S104
    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(f"http://{host}:{config.port}/healthz", allow_redirects=False) as answer,
        ):
            return (await answer.content.read(100)).startswith(b'{"status":"alive"')
    except (aiohttp.ClientError, TimeoutError):
        return False
