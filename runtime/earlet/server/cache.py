"""Answers that were given before: an equal question need not be computed again.

Equal is what has the same model, operation, arguments and content, whatever way it came: a file as
the body of a request, or the same in base64. What is kept is the answer as it was sent, so that it
comes again to the byte. Bounded; what was not asked for longest goes first.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping

from earlet.service.metrics import Metric

MAX_ENTRIES = 4_096  # answers
MAX_BYTES = 16_000_000  # of all answers together: mostly a few hundred each
OVERHEAD_BYTES = 200  # of an entry, beside its answer: its key, two objects, a place in the order


def key_of(model: str, operation: str, arguments: Mapping[str, object], content: bytes) -> bytes:
    """What names a question: SHA-256 of all that its answer depends on.

    `model` is the name that it is served by: what is behind a name stays as long as the server.
    """
    # JSON says where it ends, so that no content can be taken for arguments.
    digest = hashlib.sha256(json.dumps([model, operation, arguments], sort_keys=True).encode())
    digest.update(content)
    return digest.digest()


class ResultCache:
    """Answers by what was asked; for one thread."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        """Both limits hold; an answer that alone is more than `max_bytes` is not kept."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()  # the latest asked for last
        self._n_bytes = 0
        self._n_hits = 0
        self._n_misses = 0

    def get(self, key: bytes) -> bytes | None:
        """The answer to an equal question, if it is still there."""
        answer = self._answers.get(key)
        if answer is None:
            self._n_misses += 1
            return None
        self._n_hits += 1
        self._answers.move_to_end(key)
        return answer

    def put(self, key: bytes, answer: bytes) -> None:
        """Keep an answer, and drop the oldest for which there is no room."""
        if _size(answer) > self._max_bytes:
            return
        if (before := self._answers.pop(key, None)) is not None:
            self._n_bytes -= _size(before)
        self._answers[key] = answer
        self._n_bytes += _size(answer)
        while len(self._answers) > self._max_entries or self._n_bytes > self._max_bytes:
            _, dropped = self._answers.popitem(last=False)
            self._n_bytes -= _size(dropped)

    def figures(self) -> list[Metric]:
        """What it holds, and how often that was of use."""
        return [
            Metric("earlet_serve_cache_entries", "Answers that are kept.", len(self._answers)),
            Metric("earlet_serve_cache_bytes", "Memory that they take.", self._n_bytes),
            Metric(
                "earlet_serve_cache_requests_total",
                "Questions that were looked up.",
                {"hit": self._n_hits, "miss": self._n_misses},
                "result",
            ),
        ]


def _size(answer: bytes) -> int:
    return len(answer) + OVERHEAD_BYTES
