"""`report.html`: one file that loads nothing, readable on a phone and without its plots."""

from collections.abc import Iterator, Sequence
from html import escape

from earlet_quantize.measure.results import Candidate, Quantization
from earlet_quantize.report import figures, plots

MAX_CONFUSIONS = 20  # rows; a classifier of a thousand labels may have hundreds
STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #1d2126; margin: 0 auto; max-width: 44rem;
  padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p { margin: .3rem 0; } .quiet { color: #5b626b; }
.verdict { border-left: .3rem solid #2463a8; padding: .4rem .8rem; background: #eef3f9; }
.verdict.refused { border-color: #b3401f; background: #fbeeea; }
dt { font-weight: 600; margin-top: .6rem; } dt.refused { color: #b3401f; } dd { margin: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #dfe3e8; }
svg { width: 100%; max-width: 34rem; height: auto; display: block; }
"""


def page(record: Quantization) -> str:
    """The whole page."""
    body = "\n".join(_sections(record))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(record.bundle)}: int8 against float</title>\n<style>{STYLE}</style>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _sections(record: Quantization) -> Iterator[str]:
    yield f"<h1>{escape(record.bundle)}: int8 against float</h1>"
    machine = f"{record.processor}, onnxruntime {record.onnxruntime}"
    yield f'<p class="quiet">{escape(machine)}. Ratios of time hold on this machine.</p>'
    yield f'<p class="quiet">{escape(figures.data(record))}</p>'
    yield _verdict(record)
    yield from _section("What was tried", "", _candidates(record))
    if any(candidate.accuracy for candidate in record.candidates):
        yield from _section(
            "Accuracy",
            "How much worse than float, with the 95 % interval of the paired differences. "
            f"Dashed: the limit, {record.limits.max_drop:g} percentage points.",
            plots.drop(record),
        )
    if any(candidate.latency for candidate in record.candidates):
        yield from _section(
            "Speed",
            "CPU time over that of the float network, in turns, one thread: median of the ratios "
            "and its 95 % interval.",
            plots.latency(record),
        )
    yield from _section(
        "Size",
        "Networks by the operator that uses their weights. Other: what is less than "
        f"{plots.SMALL:.0%}, and the graph itself.",
        plots.size(record),
    )
    shown = figures.shown(record)
    if shown is not None:
        yield from _layers(shown)


def _layers(candidate: Candidate) -> Iterator[str]:
    lossy = figures.noisiest(candidate)
    if lossy:
        more = len(lossy) - plots.MAX_LAYERS
        told = f" The {plots.MAX_LAYERS} worst of {len(lossy)}." if more > 0 else ""
        yield from _section(
            f"Noise by layer: {candidate.scheme}",
            "Each layer's output in int8 against the same in float, on calibration data." + told,
            plots.noise(candidate),
        )
    if candidate.float_layers:
        names = ", ".join(map(escape, candidate.float_layers))
        yield from _section("Left in float", "", f"<p>{names}</p>")
    if candidate.confusions:
        most = candidate.confusions[:MAX_CONFUSIONS]
        rows = [(c.label, c.float_label, c.int8_label, str(c.n)) for c in most]
        more = len(candidate.confusions) - len(most)
        yield from _section(
            "Where float and int8 answer differently",
            f"The {len(most)} most frequent; {more} more are in report.json." if more else "",
            _table(("truth", "float", "int8", "times"), rows),
        )


def _verdict(record: Quantization) -> str:
    kept = figures.chosen(record)
    if kept is None:
        return '<p class="verdict refused">Refused: no candidate passes.</p>'
    told = [f"{figures.size(record.float_size)} to {figures.size(kept.size)}"]
    if kept.latency is not None:
        told.append(f"{figures.latency(kept.latency)} of the CPU time")
    if kept.accuracy is not None:
        told.append(f"{kept.accuracy.metric} drop {figures.drop(kept.accuracy)}")
    return f'<p class="verdict">Kept: {escape(kept.scheme)}. {escape("; ".join(told))}.</p>'


def _candidates(record: Quantization) -> str:
    float_facts = (
        figures.size(record.float_size),
        f"{figures.metric(record)} {figures.float_accuracy(record)}",
    )
    cards = [f"<dt>float</dt>\n<dd>{escape(' · '.join(float_facts))}</dd>"]
    for candidate in record.candidates:
        facts = [figures.size(candidate.size)]
        if candidate.latency is not None:
            facts.append(f"CPU time {figures.latency(candidate.latency)}")
        if candidate.accuracy is not None:
            facts.append(f"{candidate.accuracy.metric} {figures.accuracy(candidate.accuracy)}")
            facts.append(f"drop {figures.drop(candidate.accuracy)}")
        refused = "" if candidate.refusal is None else " class=refused"
        told = [" · ".join(facts), *figures.reasons(candidate)]
        cards.append(
            f"<dt{refused}>{escape(candidate.scheme)}: {figures.verdict(candidate, record)}</dt>\n"
            + "\n".join(f"<dd>{escape(line)}</dd>" for line in told)
        )
    return "<dl>\n" + "\n".join(cards) + "\n</dl>"


def _section(heading: str, text: str, content: str) -> Iterator[str]:
    yield f"<h2>{escape(heading)}</h2>"
    if text:
        yield f'<p class="quiet">{escape(text)}</p>'
    yield content


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'
