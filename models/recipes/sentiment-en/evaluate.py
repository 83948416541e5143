"""How often both networks are right about sentences that they have not seen, and how fast they are.

As the bundle's pipeline feeds them: one text after the other, without padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from data import LABELS, Sentence, treebank

from earlet.arrays import FloatArray
from earlet.backends import Session, open_session
from earlet.tokenizers import Tokenizer
from earlet_quantize.measure.accuracy import compare
from earlet_quantize.measure.results import Accuracy, Latency
from earlet_quantize.measure.speed import in_turns

TIMED = range(20)  # any tokens
JOINED = 12  # sentences of a text of some 300 tokens


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The int8 network against the float one."""

    accuracy: Accuracy  # of the sentences as they are
    treebank: Accuracy  # with "does n't" for "doesn't"
    joined: Accuracy  # of texts of JOINED sentences of one label
    latency: Latency  # of a text as long as TIMED


class Classifier:
    """A network and its tokenizer."""

    def __init__(self, model: onnx.ModelProto, tokenizer: Tokenizer, max_length: int) -> None:
        self._session: Session = open_session(
            model.SerializeToString(), model.graph.name, "onnxruntime"
        )
        self._tokenizer = tokenizer
        self._max_length = max_length

    def __call__(self, text: str) -> str:
        """The best label."""
        ids = self._tokenizer.encode(text, max_length=self._max_length).ids
        return LABELS[int(self.logits(ids).argmax())]

    def logits(self, ids: Sequence[int]) -> FloatArray:
        """(n_labels,)."""
        row = np.array([ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row)}
        logits: FloatArray = self._session.run(feeds)[0][0]
        return logits


def evaluate(float32: Classifier, int8: Classifier, *, sentences: Sequence[Sentence]) -> Evaluation:
    """Hold both to the labels."""

    def accuracy(texts: Sequence[Sentence]) -> Accuracy:
        labels = [LABELS[text.label] for text in texts]
        both = ([classify(text.text) for text in texts] for classify in (float32, int8))
        return compare("text-classification", labels, *both)

    return Evaluation(
        accuracy=accuracy(sentences),
        treebank=accuracy([s._replace(text=treebank(s.text)) for s in sentences]),
        joined=accuracy(joined(sentences)),
        latency=in_turns(lambda: float32.logits(TIMED), lambda: int8.logits(TIMED)),
    )


def joined(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Sentences of one label in a row, as a review has many; what is left over is left out."""
    by_label = [[s.text for s in sentences if s.label == i] for i in range(len(LABELS))]
    return [
        Sentence(" ".join(texts[start : start + JOINED]), label)
        for label, texts in enumerate(by_label)
        for start in range(0, len(texts) - JOINED + 1, JOINED)
    ]
