"""Text to token ids, by the parts that `tokenizer.json` names.

    text -> sections between added tokens -> normalised -> words -> pieces -> ids
         -> truncated -> special tokens around it

Words repeat: the ids of each are kept, so that text costs one look-up a word.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from earlet.errors import InputError
from earlet.tokenizers.added_tokens import AddedToken, Cutter
from earlet.tokenizers.decoders import Decoder
from earlet.tokenizers.detokenizer import Detokenizer
from earlet.tokenizers.document import Vocabulary
from earlet.tokenizers.normalizers import Normalizer
from earlet.tokenizers.pre_tokenizers import PreTokenizer
from earlet.tokenizers.template import Encoding, Template
from earlet.tokenizers.truncation import Truncation

MAX_CHARS = 1_000_000  # of one text: a book; networks take some hundred words
MAX_WORDS = 32_768  # that are remembered, some 8 MB
MAX_WORD_CHARS = 64  # longer ones are not: they hardly repeat

Model = Callable[[str], tuple[int, ...]]


class Tokenizer(Detokenizer):
    """What `earlet.tokenizers.from_json` gives: text to ids, and back."""

    def __init__(
        self,
        vocab: Vocabulary,
        added: Sequence[AddedToken],
        decoder: Sequence[Decoder],
        *,
        normalizers: Sequence[Normalizer],
        pre_tokenizers: Sequence[PreTokenizer],
        model: Model,
        template: Template,
        truncation: Truncation,
    ) -> None:
        """`model` takes words to ids; `vocab` has all pieces, those that were added among them."""
        super().__init__(vocab, added, decoder)
        self._normalizers = normalizers
        self._pre_tokenizers = pre_tokenizers
        self._template = template
        self._truncation = truncation
        self._cut_raw = Cutter([t for t in added if not t.normalized], str)
        self._cut_normal = Cutter([t for t in added if t.normalized], self._normalize)
        self._ids_of_word = _Words(model).__getitem__

    def encode(
        self, text: str, pair: str | None = None, *, max_length: int | None = None
    ) -> Encoding:
        """The ids of a text, or of a pair of texts, with special tokens around them.

        Args:
            text: what is said.
            pair: a second text, for networks that were trained on two.
            max_length: the most tokens, special ones among them, in place of the one that
                tokenizer.json has; how texts are cut stays what tokenizer.json says.

        Raises:
            InputError: for what is no text, or too much of it, or cannot be cut to `max_length`.
        """
        texts = [self._text(text, "text")]
        if pair is not None:
            texts.append(self._text(pair, "text_pair"))
        truncation = self._truncation
        if max_length is not None:
            truncation = replace(truncation, max_length=max_length)
        return self._template.fill(truncation(texts, self._template.n_special(len(texts))))

    def ids(self, text: str) -> list[int]:
        """The ids of a text alone, without special tokens around them and however long.

        Raises:
            InputError: for what is no text, or too much of it.
        """
        return self._text(text, "text")

    def _text(self, text: str, name: str) -> list[int]:
        _check(text, name)
        ids: list[int] = []
        for raw in self._cut_raw(text):
            if isinstance(raw, int):
                ids.append(raw)
                continue
            for section in self._cut_normal(self._normalize(raw)):
                if isinstance(section, int):
                    ids.append(section)
                else:
                    ids += chain.from_iterable(map(self._ids_of_word, self._split(section)))
        return ids

    def _normalize(self, text: str) -> str:
        for step in self._normalizers:
            text = step(text)
        return text

    def _split(self, text: str) -> list[str]:
        words = [text]
        for step in self._pre_tokenizers:
            words = step(words[0]) if len(words) == 1 else [*chain.from_iterable(map(step, words))]
        return words


class _Words(dict[str, tuple[int, ...]]):
    """The ids of each word, worked out when needed, and kept while there is room."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = self._model(word)
        if len(word) <= MAX_WORD_CHARS and len(self) < MAX_WORDS:
            self[word] = ids
        return ids


def _check(text: object, name: str) -> None:
    if not isinstance(text, str):
        raise InputError(f"{name}: expected a string, got {type(text).__name__}")
    if len(text) > MAX_CHARS:
        raise InputError(f"{name}: expected at most {MAX_CHARS} characters, got {len(text)}")
    try:
        _ = text.isascii() or text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise InputError(
            f"{name}: character {problem.start} is half of a pair of surrogates, which is no text; "
            "was it read as the encoding that it is in?"
        ) from None
