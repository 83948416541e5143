"""Speech recognition by a CTC network: an utterance is one segment, its words lie as they stand.

Outputs are taken to be equally far apart: output i of n begins at i / n of the utterance, as in
torchaudio's tutorial "Forced alignment with Wav2Vec2" (`ratio = num_samples / num_frames`).
transformers counts with the network's exact step. That differs by what one output hears at most,
25 ms of wav2vec2, at the end of the utterance.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from earlet.arrays import FloatArray
from earlet.decoding.ctc import Ctc, Spelled, align, spell
from earlet.decoding.ctc_beam import beam_search
from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.decoding.recogniser import PLAIN, Segment, TranscriptionOptions, Word
from earlet.errors import InputError
from earlet.tokenizers import Detokenizer
from earlet.tokenizers.characters import CharacterTokenizer

TAKEN = {"timestamps", "generation", "rules", "num_beams"}  # of the options


class CtcRecogniser:
    """A `Recogniser`: the network with its tokenizer."""

    def __init__(self, ctc: Ctc, tokenizer: CharacterTokenizer | Detokenizer) -> None:
        self._ctc = ctc
        self._tokenizer = tokenizer

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._ctc.sample_rate

    def check(self, options: TranscriptionOptions) -> None:
        """Raise InputError for all but `num_beams`, rules and timestamps."""
        _refuse(options, PLAIN)
        _refuse(options.generation, GREEDY)
        if options.timestamps == "word" and not isinstance(self._tokenizer, CharacterTokenizer):
            raise InputError("times of words: this network writes other tokens than characters")

    def recognise(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions = PLAIN,
        prefix: Sequence[int] = (),
    ) -> list[Segment]:
        """The text of one utterance (n_samples,), as one segment; none where nothing is said.

        The network's likeliest path says what it is; where `num_beams`, rules or a `prefix` are
        given, a beam search does.

        Raises:
            InputError: when the utterance is too short for the prefix.
        """
        logprobs = self._ctc.logprobs(waveform)
        spelled = self._spell(logprobs, options, prefix)
        visible = [s for s in spelled if self.text([s.token])]
        if not visible:
            return []
        tokens = tuple(token for token, _, _ in spelled)
        output_s = len(waveform) / len(logprobs) / self.sample_rate
        return [
            Segment(
                text=self.text(tokens),
                tokens=tokens,
                start_s=visible[0].start * output_s,
                end_s=visible[-1].end * output_s,
                words=tuple(self._words(spelled, output_s)) if options.timestamps == "word" else (),
                logprobs=tuple(float(logprobs[s.start : s.end, s.token].mean()) for s in spelled),
            )
        ]

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens stand for."""
        return self._tokenizer.decode(tokens).strip()

    def step_logprobs(self, waveform: FloatArray) -> FloatArray:
        """Of the likeliest token of each output, (n_outputs,)."""
        best: FloatArray = self._ctc.logprobs(waveform).max(axis=1)
        return best

    def _spell(
        self, logprobs: FloatArray, options: TranscriptionOptions, prefix: Sequence[int]
    ) -> list[Spelled]:
        blank, num_beams = self._ctc.config.blank, options.generation.num_beams
        if num_beams == 1 and not options.rules and not prefix:
            return spell(logprobs.argmax(axis=1), blank)
        tokens, _ = beam_search(logprobs, blank, num_beams, prefix, options.rules)
        return spell(align(logprobs, tokens, blank), blank)

    def _words(self, spelled: Sequence[Spelled], output_s: float) -> Iterator[Word]:
        if isinstance(self._tokenizer, CharacterTokenizer):
            for text, first, last in self._tokenizer.words([s.token for s in spelled]):
                yield Word(text, spelled[first].start * output_s, spelled[last].end * output_s)


def _refuse(
    given: TranscriptionOptions | GenerationOptions,
    default: TranscriptionOptions | GenerationOptions,
) -> None:
    for field in dataclasses.fields(given):
        if field.name not in TAKEN and getattr(given, field.name) != getattr(default, field.name):
            raise InputError(
                f"{field.name}: this network (CTC) has no use for it; of the options of decoding "
                "it takes num_beams"
            )
