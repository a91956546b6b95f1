"""The nemesis: hurts a cluster, one thing after the other, by a seed; and heals it at the end."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Coroutine
from typing import Any

import asyncpg
import redis.asyncio

from tests.support.cluster import Cluster
from tests.support.product import Product
from tests.support.redis import RedisServer


class Nemesis:
    """`deeds` tells what it did, in order. What it killed starts again while it goes on, one process at a time."""

    def __init__(self, cluster: Cluster, redis_server: RedisServer, admin_url: str, seed: int) -> None:
        self.deeds: list[str] = []
        self._cluster, self._redis, self._admin_url = cluster, redis_server, admin_url
        self._random = random.Random(seed)
        self._healing: asyncio.Task[None] | None = None

    async def rage(self, seconds: float) -> None:
        """Goes on for so long, and until it has done each thing once; then waits until all that it hurt is whole."""
        try:
            await self._rage_until(asyncio.get_running_loop().time() + seconds)
        finally:
            await self._healed()

    async def _rage_until(self, until: float) -> None:
        deeds = [
            self.kill_a_node,
            self.freeze_a_node,
            self.kill_a_worker,
            self.kill_redis,
            self.freeze_redis,
            self.deafen_redis,
            self.throw_out_of_the_database,
            self.part_a_node_from_redis,
            self.part_a_node_from_the_database,
            self.part_a_worker_from_the_database,
        ]
        while len(self.deeds) < len(deeds) or asyncio.get_running_loop().time() < until:
            # Each once before any twice, in an order of the seed's.
            self._random.shuffle(deeds)
            for deed in deeds:
                if len(self.deeds) >= len(deeds) and asyncio.get_running_loop().time() >= until:
                    return
                self.deeds.append(deed.__name__)
                await deed()
                await asyncio.sleep(self._random.uniform(0.2, 1.0))

    async def kill_a_node(self) -> None:
        await self._healed()
        node = self._random.choice(self._cluster.web)
        await node.kill()
        self._heal(self._cluster.replace(node))

    async def freeze_a_node(self) -> None:
        await self._freeze(self._random.choice(living(self._cluster.web)).process)

    async def kill_a_worker(self) -> None:
        await self._healed()
        worker = self._random.choice(self._cluster.workers)
        await worker.kill()
        self._cluster.workers.remove(worker)
        self._heal(self._cluster.add_worker())

    def _heal(self, work: Coroutine[Any, Any, Any]) -> None:
        self._healing = asyncio.create_task(work)

    async def _healed(self) -> None:
        if self._healing is not None:
            await self._healing

    async def kill_redis(self) -> None:
        await self._redis.kill()
        await asyncio.sleep(self._random.uniform(0.2, 2))
        await self._redis.start()

    async def freeze_redis(self) -> None:
        self._redis.freeze()
        await asyncio.sleep(self._random.uniform(0.5, 2))
        self._redis.thaw()

    async def deafen_redis(self) -> None:
        client = redis.asyncio.Redis.from_url(self._redis.url)
        with contextlib.suppress(redis.exceptions.RedisError):
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await client.flushall()
        await client.aclose()

    async def throw_out_of_the_database(self) -> None:
        # Who loses the database while it starts ends with a word, for its supervisor to start again; none stands here.
        await self._healed()
        admin = await asyncpg.connect(self._admin_url)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await admin.close()

    async def part_a_node_from_redis(self) -> None:
        await self._part(self._random.choice(living(self._cluster.web)), "REDIS_URL")

    async def part_a_node_from_the_database(self) -> None:
        await self._part(self._random.choice(living(self._cluster.web)), "DATABASE_URL")

    async def part_a_worker_from_the_database(self) -> None:
        await self._part(self._random.choice(living(self._cluster.workers)), "DATABASE_URL")

    async def _part(self, process: Product, *engines: str) -> None:
        lines = self._cluster.lines_of(process)
        lines.part(*engines)
        await asyncio.sleep(self._random.uniform(1, 3))
        lines.heal()

    async def _freeze(self, process: asyncio.subprocess.Process) -> None:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._random.uniform(0.5, 3))
        process.send_signal(signal.SIGCONT)


def living(processes: list[Product]) -> list[Product]:
    return [process for process in processes if process.process.returncode is None]
