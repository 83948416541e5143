"""The second stage of a spotter: a speech recogniser is asked whether the command was said."""

from earlet.arrays import FloatArray
from earlet.decoding.phrases.grammar import Grammar
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.tasks.speech_recognition import SpeechRecognition


class Confirmer:
    """Commands, scored by a network that was never trained on them."""

    def __init__(self, recogniser: SpeechRecognition) -> None:
        """Raises InputError when the network cannot score texts."""
        if not isinstance(recogniser.recogniser, Seq2SeqRecogniser):
            raise InputError(
                "confirm: expected an encoder-decoder bundle such as moonshine-tiny-en; whole "
                "texts are not scored with a CTC network"
            )
        self._recogniser = recogniser.recogniser
        self._grammars: dict[str, Grammar] = {}  # a few labels, asked for again and again

    def check(self, label: str) -> None:
        """Raise InputError for a label that the network cannot write."""
        self._grammar(label)

    def score(self, label: str, waveform: FloatArray) -> float:
        """How probable it is that `label` was said, against all else: `confirmation.score`.

        Args:
            label: a word, or several.
            waveform: (n_samples,) at the network's rate, the sound around the detection.

        Raises:
            InputError: for a label that the network cannot write.
        """
        return self._recogniser.confirm(waveform, self._grammar(label))

    def _grammar(self, label: str) -> Grammar:
        if label not in self._grammars:
            self._grammars[label] = Grammar((label,), {}, self._recogniser.speller)
        return self._grammars[label]
