"""Figures of a bundle, of which nothing could be better."""

from earlet.bench.figures import (
    Device,
    Figures,
    Latency,
    Live,
    Start,
    UnderLoad,
    Versions,
)

FIGURES = Figures(
    bundle="own",
    bundle_version="1.0.0",
    task="audio-classification",
    input="golden",
    unit="hop",
    unit_s=0.04,
    start=Start(imports_s=0.17, loading_s=0.05, first_answer_s=0.001, total_s=0.221),
    latency=Latency(
        n_calls=3000, mean_ms=1.0, p50_ms=0.9, p95_ms=1.2, p99_ms=1.5, max_ms=3.0, cpu_ms=0.99
    ),
    real_time_factor=0.025,
    per_s=None,
    tokens_per_s=None,
    live=Live(duration_s=3.0, cpu_percent=4.0, lag_max_ms=2.5),
    memory_peak_mb=52.0,
    turns=(),
    under_load=UnderLoad(clock_mhz=1800, temperature_c=50.0),
    device=Device(
        model="Raspberry Pi 4 Model B Rev 1.4",
        machine="aarch64",
        cores=4,
        memory_mb=3978,
        memory_available_mb=3000,
        load=0.1,
        governor="ondemand",
        clock_driver="cpufreq-dt",
        clock_max_mhz=1800,
    ),
    versions=Versions(
        earlet="0.1.0",
        python="3.11.2",
        python_bits=64,
        numpy="2.3.4",
        engine="onnxruntime 1.23.2",
    ),
)
