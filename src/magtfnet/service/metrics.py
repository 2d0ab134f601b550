"""What Prometheus reads: counts and times, nothing of what was heard."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as MEDIA_TYPE

from magtfnet.service.work import Work

__all__ = ["MEDIA_TYPE", "Metrics"]

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The measurements of one service.

    Args:
        work: whose numbers are told as they are.
    """

    def __init__(self, work: Work) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "magtfnet_requests", "Requests answered.", ("route", "method", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "magtfnet_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.problems = Counter(
            "magtfnet_problems", "Problems told, by kind.", ("kind",), registry=self._registry
        )
        self.audio = Counter(
            "magtfnet_audio_seconds", "Seconds of sound heard.", ("route",), registry=self._registry
        )
        for name, what, told in (
            (
                "magtfnet_recordings_under_way",
                "Recordings waiting or heard.",
                lambda: work.requests,
            ),
            ("magtfnet_streams_open", "Streams.", lambda: work.streams),
            ("magtfnet_pending_bytes", "Bytes of bodies under way.", lambda: work.pending_bytes),
        ):
            Gauge(name, what, registry=self._registry).set_function(told)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)
