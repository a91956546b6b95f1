"""The metrics of this process, for /metrics: counted where they occur, exported by `monitoring`."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

PROCESS = CollectorRegistry()
ProcessCollector(registry=PROCESS)
PlatformCollector(registry=PROCESS)

REQUESTS = Histogram(
    "chatserver_http_request_seconds",
    "Seconds of HTTP requests, by method and class of status.",
    ("method", "status"),
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 1, 5),
    registry=PROCESS,
)

LOOP_LAG = Histogram(
    "chatserver_loop_late_seconds",
    "Seconds by which the event loop was late, measured twenty times a second.",
    buckets=(0.01, 0.05, 0.1, 0.25, 1, 5),
    registry=PROCESS,
)

CONNECTIONS_CUT = Counter(
    "chatserver_connections_cut",
    "Connections ended by the server: too slow, too much, or too many.",
    ("reason",),
    registry=PROCESS,
)


class Numbered(Collector):
    """What another collector of this process has, with the label `process` where several processes answer at one port:
    without it their counters would be one that goes back and forth."""

    def __init__(self, collector: Collector, number: int | None) -> None:
        self._collector = collector
        self._labels = {} if number is None else {"process": str(number)}

    def collect(self) -> Iterable[Metric]:
        for metric in self._collector.collect():
            numbered = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            numbered.samples = [each._replace(labels={**each.labels, **self._labels}) for each in metric.samples]
            yield numbered
