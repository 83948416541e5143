"""What there is to tell of a crew, for Prometheus."""

from collections import Counter
from typing import TYPE_CHECKING

from earlet.service.metrics import Metric

if TYPE_CHECKING:
    from earlet.server.workers.crew import Crew


def figures(crew: "Crew") -> list[Metric]:
    """Gauges of now, and counters from the start on."""
    loaded = [process for process in crew.roster if process.is_ready]
    by_model: Counter[str] = Counter()
    for process in crew.roster:
        by_model[process.model.name] += process.bytes
    n_processes = Counter(process.model.name for process in loaded)
    counts, seconds = crew.counts, crew.seconds

    def gauge(name: str, text: str, value: float) -> Metric:
        return Metric(f"earlet_serve_{name}", text, value)

    def counter(name: str, text: str, value: float) -> Metric:
        return Metric(f"earlet_serve_{name}_total", text, value)

    return [
        gauge("queue_length", "Calls that wait.", len(crew.waiting)),
        gauge("workers", "Calls that may run at once.", crew.limit),
        gauge("workers_busy", "Processes that compute or load.", crew.n_busy),
        gauge("streams", "Live streams that are open.", sum(len(p.streams) for p in loaded)),
        gauge("memory_limit_bytes", "Memory that all models may take.", crew.roster.budget),
        Metric(
            "earlet_serve_model_processes", "Processes with the model.", dict(n_processes), "model"
        ),
        Metric(
            "earlet_serve_model_memory_bytes", "Memory of its processes.", dict(by_model), "model"
        ),
        Metric(
            "earlet_serve_calls_total",
            "Calls, by what came of them.",
            dict(crew.outcomes),
            "outcome",
        ),
        counter("loads", "Models that were loaded.", counts["loads"]),
        counter("load_failures", "Models that could not be loaded.", counts["load_failures"]),
        counter("evictions", "Models that were unloaded to make room.", crew.roster.n_evictions),
        counter("crashes", "Processes that ended by themselves.", counts["crashes"]),
        counter("audio_seconds", "Seconds of sound that were heard.", seconds["audio"]),
        counter("compute_seconds", "Seconds of processor time of calls.", seconds["compute"]),
    ]
