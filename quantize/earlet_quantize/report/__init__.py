"""What came of a quantization: `report.json`, `report.html`, and a table for a terminal.

    record -> report.json          read(...) gives the record back
           -> report.html          plots.py draws, page.py sets; nothing is loaded from elsewhere
           -> text for a terminal  table.py

The same record gives the same bytes.
"""

import json
from dataclasses import asdict
from pathlib import Path

from earlet import schema
from earlet_quantize.errors import DataError
from earlet_quantize.measure.results import Quantization
from earlet_quantize.report.page import page

JSON, HTML = "report.json", "report.html"
MAX_BYTES = 5_000_000  # of report.json; a network of a thousand layers has 0.3 MB


def write(record: Quantization, folder: Path) -> None:
    """Write both files into a folder."""
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    (folder / HTML).write_text(page(record), encoding="utf-8")


def read(text: str, name: str) -> Quantization:
    """The record that `report.json` holds; `name` is what messages call it.

    Raises:
        DataError: when it is not what `write` writes.
    """
    if len(text) > MAX_BYTES:
        raise DataError(f"{name}: {len(text)} characters; expected at most {MAX_BYTES}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{name}: expected the JSON of a report: {problem}") from None
    return schema.read(Quantization, document, name, DataError)
