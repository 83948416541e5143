"""The report as lines for a terminal."""

from collections.abc import Iterator, Sequence

from earlet_quantize.measure.results import Quantization
from earlet_quantize.report import figures

WORST_LAYERS = 5
MAX_CONFUSIONS = 10  # rows


def lines(record: Quantization) -> Iterator[str]:
    """A heading, a row for each candidate, and the layers that lose most."""
    yield f"{record.bundle} on {record.processor}, onnxruntime {record.onnxruntime}"
    yield figures.data(record)
    float_row = ("float", figures.size(record.float_size), "1", figures.float_accuracy(record))
    yield from _aligned(
        [
            ("", "size", "CPU time", figures.metric(record), "drop", ""),
            (*float_row, "", ""),
            *(
                (
                    candidate.scheme,
                    figures.size(candidate.size),
                    figures.latency(candidate.latency),
                    figures.accuracy(candidate.accuracy),
                    figures.drop(candidate.accuracy),
                    figures.verdict(candidate, record),
                )
                for candidate in record.candidates
            ),
        ]
    )
    for candidate in record.candidates:
        if candidate.refusal is not None:
            yield f"{candidate.scheme} refused:"
            yield from (f"  {reason}" for reason in figures.reasons(candidate))
    shown = figures.shown(record)
    if shown is not None and (worst := figures.noisiest(shown)[:WORST_LAYERS]):
        yield f"most noise in {shown.scheme}:"
        yield from _aligned(
            [("", f"{layer.snr_db:.1f} dB", layer.op_type, layer.name) for layer in worst]
        )
    if shown is not None and shown.confusions:
        yield f"float and {shown.scheme} differ:"
        yield from _aligned(
            [
                ("", f"{row.n}x", row.label, f"float {row.float_label}", f"int8 {row.int8_label}")
                for row in shown.confusions[:MAX_CONFUSIONS]
            ]
        )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
