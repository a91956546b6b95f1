"""The metrics of /metrics in Prometheus's text format: this process's own, and those of all processes, from the database.

Numbers only: no names, no prompts, no ids. The shared ones are read at each scrape, in four small queries, and are missing
while the database is away.
"""

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chatserver.database import Row, Transaction
from chatserver.runtime.metrics import PROCESS, Numbered


class SharedMetrics(Struct, frozen=True):
    """The metrics of all processes, as read for one scrape."""

    statuses: list[Row]
    seconds: list[Row]
    oldest_waiting: float
    sessions: int


async def read(tx: Transaction) -> SharedMetrics:
    """Reads the shared metrics. Needs the worker role."""
    return SharedMetrics(
        await tx.fetch_all("monitoring.generations_by_status"),
        await tx.fetch_all("monitoring.seconds_of_last_hour"),
        await tx.fetch_value("monitoring.oldest_waiting"),
        await tx.fetch_value("monitoring.sessions_active"),
    )


def render(shared: SharedMetrics | None, connections: int, sessions: int, number: int | None = None) -> bytes:
    """The text of one scrape; `connections` and `sessions` are those open in this process. `shared` is None while the
    database does not answer. `number` is that of this process among those that share its port."""
    registry = CollectorRegistry()
    open_here = _OpenCollector(connections, sessions, database_is_up=shared is not None)
    for own in (PROCESS, open_here):
        registry.register(Numbered(own, number))
    if shared is not None:
        registry.register(_SharedCollector(shared))
    return generate_latest(registry)


class _OpenCollector(Collector):
    def __init__(self, connections: int, sessions: int, *, database_is_up: bool) -> None:
        self._connections, self._sessions, self._database_is_up = connections, sessions, database_is_up

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield _gauge("chatserver_connections", "Open websockets of this process.", self._connections)
        yield _gauge("chatserver_open_sessions", "Sessions with a websocket in this process.", self._sessions)
        yield _gauge("chatserver_database_up", "Whether the database answers this process.", self._database_is_up)


class _SharedCollector(Collector):
    def __init__(self, shared: SharedMetrics) -> None:
        self._shared = shared

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield _gauge("chatserver_active_sessions", "Sessions with time left, everywhere.", self._shared.sessions)
        yield _gauge(
            "chatserver_oldest_waiting_seconds",
            "How long the oldest waiting generation waits.",
            self._shared.oldest_waiting,
        )
        generations = GaugeMetricFamily(
            "chatserver_generations",
            "Generations under way, and ended in the last hour.",
            labels=("kind", "status", "provider"),
        )
        for row in self._shared.statuses:
            generations.add_metric((row["kind"], row["status"], row["provider"]), row["n"])
        yield generations
        seconds = GaugeMetricFamily(
            "chatserver_generation_seconds",
            "Seconds from claim to end of the last hour's.",
            labels=("kind", "provider", "quantile"),
        )
        for row in self._shared.seconds:
            seconds.add_metric((row["kind"], row["provider"], "0.5"), row["median"])
            seconds.add_metric((row["kind"], row["provider"], "0.95"), row["p95"])
        yield seconds


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
