"""What provenance costs: a manifest in each form of a picture of 1024 × 1024, and finding one file among 100,000."""

import asyncio
import io
import secrets
import statistics
import time
from pathlib import Path

import asyncpg
import numpy as np
from PIL import Image

from benchmarks.growth import _ASSETS, _GENERATIONS, _MESSAGES, Unheard
from benchmarks.report import Measurement
from chatserver.config import Config
from chatserver.database import Database, load_queries
from chatserver.imaging.processor import ImageProcessor
from chatserver.provenance.sealer import open_sealer
from chatserver.runtime import paths
from chatserver.verification import service as verification
from tests.imaging import samples
from tests.support import postgres
from tests.support.people import make_session, make_user

FORMS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ROUNDS = 30
FILES = 100_000
GOAL_MS, GOAL_BYTES, GOAL_LOOK_UP_MS = 15.0, 4096, 50.0


def run() -> list[Measurement]:
    """The forms first, then the look-up."""
    return [*asyncio.run(_forms()), *asyncio.run(_look_ups())]


async def _forms() -> list[Measurement]:
    processor, sealer = ImageProcessor(size=1), open_sealer(Config(data_dir=Path("unused")), "a benchmark's key")
    try:
        made = samples.provenance()
        slope = np.cumsum(np.random.default_rng(1).normal(size=(1024, 1024, 3)), axis=0) * 2 + 128
        buffer = io.BytesIO()
        Image.fromarray(slope.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
        picture = await processor.verify_picture(buffer.getvalue(), made)
        clip = await processor.verify_clip(samples.clip("mp4", "libx264", size=(640, 480)), made)
        forms = {
            name: (await processor.convert_picture(picture.data, name, made), kind) for name, kind in FORMS.items()
        }
        forms["mp4"] = (clip.data, clip.content_type)
        return [await _sealing(sealer, name, data, kind, made) for name, (data, kind) in forms.items()]
    finally:
        await asyncio.gather(processor.close(), sealer.close())


async def _sealing(sealer, name, data, kind, made) -> Measurement:
    sealed = await sealer.seal(data, kind, made)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await sealer.seal(data, kind, made)
        times.append(1000 * (time.perf_counter() - began))
    ms, more = statistics.median(times), len(sealed) - len(data)
    return Measurement(
        f"a manifest into a {name.upper()} of {len(data) / 1000:,.0f} kB",
        f"{ms:.1f} ms, {more:,} bytes more",
        f"≤ {GOAL_MS:.0f} ms, ≤ {GOAL_BYTES:,} bytes",
        ms <= GOAL_MS and more <= GOAL_BYTES,
        "in a child process, with the way there and back",
    )


async def _look_ups() -> list[Measurement]:
    async with postgres.running_server() as server:
        url = await server.create_database()
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        try:
            known = await _fill(database, server.admin_url_of(url))
            near = [f"{int(each, 2) ^ _few_bits():064x}" for each in known]
            far = [secrets.token_hex(32) for _ in known]
            return [
                await _look_up(database, "a re-saved copy", near, found=True),
                await _look_up(database, "a picture from elsewhere", far, found=False),
            ]
        finally:
            await database.close()


def _few_bits() -> int:
    bits = 0
    for place in secrets.SystemRandom().sample(range(256), 6):
        bits |= 1 << place
    return bits


async def _fill(database: Database, admin_url: str) -> list[str]:
    """Stores FILES files with fingerprints of their own; returns some of these, in bits."""
    owner = await make_user(database)
    session = await make_session(database, owner)
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(_MESSAGES, session, owner, 1)
        await connection.execute(_GENERATIONS, session, owner, FILES)
        await connection.execute(_ASSETS, session)
        await connection.execute(
            "UPDATE assets SET fingerprint = fingerprint_bits(encode(sha256(id::text::bytea), 'hex')),"
            " sha256 = encode(sha256(id::text::bytea), 'hex')"
        )
        await connection.execute("VACUUM ANALYZE assets")
        rows = await connection.fetch("SELECT fingerprint::text FROM assets ORDER BY random() LIMIT 30")
        return [row["fingerprint"] for row in rows]
    finally:
        await connection.close()


async def _look_up(database: Database, what: str, fingerprints: list[str], *, found: bool) -> Measurement:
    times = []
    for each in fingerprints:
        began = time.perf_counter()
        verdict = await database.run_system(verification.look_up, secrets.token_hex(32), each, changed=False)
        times.append(1000 * (time.perf_counter() - began))
        assert verdict.made_here == found
    ms = statistics.median(times)
    return Measurement(
        f"{what} looked up among {FILES:,} files", f"{ms:.1f} ms", f"≤ {GOAL_LOOK_UP_MS:.0f} ms", ms <= GOAL_LOOK_UP_MS
    )
