"""Prometheus metrics: requests, texts, batches, the queue, the process."""

from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
NO_ROUTE = "none"
"""The route of requests to unknown paths, and of invalid requests."""


class ServerMetrics:
    """All metrics of one server.

    Attributes:
        queue_texts: How many texts wait.
        connections: How many connections are open.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "wordgate_requests", "Responses sent", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "wordgate_request_seconds", "Seconds from the request head to the response",
            ("route",), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        # `labels` takes longer than counting.
        self._requests_of = cache(self._requests.labels)
        self._seconds_of = cache(self._seconds.labels)
        self._texts = Counter("wordgate_texts", "Texts predicted", registry=self._registry)
        self._batches = Histogram(
            "wordgate_batch_texts", "Texts per batch",
            buckets=_TEXTS, registry=self._registry,
        )  # fmt: skip
        self.queue_texts = Gauge("wordgate_queue_texts", "Texts waiting", registry=self._registry)
        self.connections = Gauge(
            "wordgate_connections", "Connections open", registry=self._registry
        )

    def count_request(self, route: str, status: int, seconds: float | None = None) -> None:
        """Count a response, and how long it took if it was a request at all."""
        self._requests_of(route, status).inc()
        if seconds is not None:
            self._seconds_of(route).observe(seconds)

    def count_batch(self, texts: int) -> None:
        """Count texts that were predicted together."""
        self._texts.inc(texts)
        self._batches.observe(texts)

    def exposition(self) -> bytes:
        """Write all down in Prometheus' text format."""
        return generate_latest(self._registry)
