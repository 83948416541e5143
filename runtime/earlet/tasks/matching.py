"""Which of the sentences that may be said was said, if any: commands without training.

audio -> the stretch in which somebody speaks (voice activity)
      -> `decoding/phrases/matching.py` -> Match
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.phrases.grammar import Grammar
from earlet.decoding.phrases.matching import THRESHOLD
from earlet.decoding.recogniser import Recogniser, TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.errors import InputError
from earlet.results import Match
from earlet.schema import convert
from earlet.tasks.sound import AudioInput, stream
from earlet.tasks.voice_activity import VoiceActivityDetection

MIN_SPEECH_MS = 64  # "up" is not longer, above the threshold of voice activity
QUIET_S = 0.5  # seconds of zeros around the audio, where voice activity begins and ends
SPEECH_PAD_S = 0.25  # seconds of sound that are kept at both ends


class Matcher:
    """What `SpeechRecognition.match` calls."""

    def __init__(
        self, recogniser: Recogniser, vad: VoiceActivityDetection, max_speech_s: float
    ) -> None:
        """`max_speech_s` is what the network was trained for."""
        self._recogniser = recogniser
        self._vad = vad
        self._vad_config = replace(vad.config, min_speech_ms=MIN_SPEECH_MS)
        self._max_s = max_speech_s
        # The same candidates are asked for again and again, and their tries are made but once.
        self._asked: tuple[object, object] | None = None
        self._grammar: Grammar

    def __call__(
        self,
        audio: AudioInput,
        candidates: Sequence[str],
        *,
        sampling_rate: int | None = None,
        slots: Mapping[str, Sequence[str]] | None = None,
        language: str | None = None,
        threshold: float | None = None,
    ) -> Match | None:
        """Which of the candidates was said; None for silence, and for anything else.

        Args:
            audio: a path, a data URL, the bytes of a sound file, a file object, or samples: one
                utterance, with or without silence around it.
            candidates: texts, or templates as in `decoding/phrases/templates.py`:
                "set timer for {minutes:1..60} minutes". Numbers are taken to be said in English.
            sampling_rate: of samples, in Hz; required with an array.
            slots: the lists that templates name: {"room": ["kitchen", "living room"]}.
            language: what is spoken, "en", where the network knows several; None: it hears which.
            threshold: the least confidence in an answer, 0..1; None is what was found to be best.

        Raises:
            InputError: when audio or candidates cannot be used, naming the candidate; and when the
                network is none that can be told what to write.
        """
        speech = self._speech(audio, sampling_rate)
        return self.utterance(
            speech, candidates, slots=slots, language=language, threshold=threshold
        )

    def utterance(
        self,
        waveform: FloatArray,
        candidates: Sequence[str],
        *,
        slots: Mapping[str, Sequence[str]] | None = None,
        language: str | None = None,
        threshold: float | None = None,
    ) -> Match | None:
        """The same of one utterance that is cut already, (n_samples,) at the network's rate.

        Raises:
            InputError: as `__call__`.
        """
        candidates = convert(tuple[str, ...], candidates, "candidates", InputError)
        lists = convert(
            Mapping[str, tuple[str, ...]], {} if slots is None else slots, "slots", InputError
        )
        language = convert(str | None, language, "language", InputError)
        threshold = convert(float | None, threshold, "threshold", InputError)
        recogniser = self._scorer()
        recogniser.check(TranscriptionOptions(language=language))
        grammar = self._compiled(recogniser, candidates, lists)
        heard = recogniser.match(
            waveform, grammar, language, THRESHOLD if threshold is None else threshold
        )
        if heard is None:
            return None
        sentence, confidence = heard
        return Match(candidates[sentence.candidate], sentence.slots, sentence.text, confidence)

    def _scorer(self) -> Seq2SeqRecogniser:
        """What scores texts; raises InputError where the network cannot."""
        if not isinstance(self._recogniser, Seq2SeqRecogniser):
            raise InputError(
                "match: expected an encoder-decoder bundle such as moonshine-tiny-en; whole texts "
                "are not scored with a CTC network"
            )
        return self._recogniser

    def _compiled(
        self,
        recogniser: Seq2SeqRecogniser,
        candidates: Sequence[str],
        slots: Mapping[str, Sequence[str]],
    ) -> Grammar:
        if self._asked != (candidates, slots):
            self._asked = None  # so that who leaves this in the middle leaves no wrong pair
            self._grammar = Grammar(candidates, slots, recogniser.speller)
            self._asked = candidates, slots
        return self._grammar

    def _speech(self, audio: AudioInput, sampling_rate: int | None) -> FloatArray:
        """From where somebody begins to speak to where they end; nothing where nobody does."""
        rate = self._recogniser.sample_rate
        chunks: list[FloatArray] = []
        n_samples = 0
        for chunk in stream(audio, sampling_rate, rate):
            chunks.append(chunk)
            n_samples += len(chunk)
            if n_samples > self._max_s * rate:
                raise InputError(
                    f"match: expected one utterance of at most {self._max_s:g} s; cut it at a pause"
                )
        quiet, pad = round(QUIET_S * rate), round(SPEECH_PAD_S * rate)
        silence = np.zeros(quiet, dtype=np.float32)
        sound = np.concatenate([silence, *chunks, silence])
        spans = [u.span for u in self._vad.utterances(iter([sound]), self._vad_config)]
        if not spans:
            return silence[:0]
        start = max(spans[0].start - pad, quiet)
        end = min(spans[-1].end + pad, quiet + n_samples)
        return sound[start:end]
