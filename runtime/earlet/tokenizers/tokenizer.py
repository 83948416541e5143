"""Text to token ids, by the parts that `tokenizer.json` names.

    text -> sections between added tokens -> normalised -> words -> pieces -> ids
         -> truncated -> special tokens around it

Words repeat: the ids of each are kept, so that text costs one look-up a word.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import chain
from typing import TypeVar

from earlet.errors import InputError
from earlet.tokenizers.added_tokens import AddedToken, Cutter
from earlet.tokenizers.alignment import Aligned, Span
from earlet.tokenizers.decoders import Decoder
from earlet.tokenizers.detokenizer import Detokenizer
from earlet.tokenizers.document import Token, Vocabulary
from earlet.tokenizers.normalizers import Normalizer
from earlet.tokenizers.pre_tokenizers import PreTokenizer, split
from earlet.tokenizers.template import Encoding, Piece, Template
from earlet.tokenizers.truncation import Truncation

MAX_CHARS = 1_000_000  # of one text: a book; networks take some hundred words
MAX_GROWTH = 4  # times that when normalised: BERT makes 3 of a Chinese character, NFKC up to 18
MAX_WORDS = 32_768  # that are remembered, some 8 MB
MAX_WORD_CHARS = 64  # longer ones are not: they hardly repeat

Model = Callable[[str], list[Token]]
T = TypeVar("T")


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
        spelling: Callable[[str], str] | None,
        template: Template,
        truncation: Truncation,
    ) -> None:
        """`model` takes words to ids, as `spelling` writes them; `vocab` has all pieces, those that
        were added among them."""
        super().__init__(vocab, added, decoder)
        self._normalizers = normalizers
        self._pre_tokenizers = pre_tokenizers
        self._model = model
        self._spelling = spelling
        self._template = template
        self._truncation = truncation
        self._cut_raw = Cutter([t for t in added if not t.normalized], str)
        self._cut_normal = Cutter([t for t in added if t.normalized], self._normalize)
        self._ids_of_word = _Words(model, spelling).__getitem__

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
        texts = [self._ids(text, "text")]
        if pair is not None:
            texts.append(self._ids(pair, "text_pair"))
        encoding = self._template.fill(texts)
        limit = self._truncation.max_length if max_length is None else max_length
        if limit is None or len(encoding.ids) <= limit:
            return encoding
        return self._template.fill(self._cut(texts, limit))

    def offsets(
        self, text: str, pair: str | None = None, *, max_length: int | None = None
    ) -> list[Span]:
        """Which characters each id of `encode`, given the same, stands for.

        They are counted in the text, or in the pair for the pair's ids: the first, and one after
        the last. Special tokens around the texts have (0, 0). It takes some 30 times as long.

        Raises:
            InputError: as `encode`.
        """
        texts = [self._pieces_of(text, "text")]
        if pair is not None:
            texts.append(self._pieces_of(pair, "text_pair"))
        limit = self._truncation.max_length if max_length is None else max_length
        return self._template.spans(texts if limit is None else self._cut(texts, limit))

    def ids(self, text: str) -> list[int]:
        """The ids of a text alone, without special tokens around them and however long.

        Raises:
            InputError: for what is no text, or too much of it.
        """
        return self._ids(text, "text")

    def _cut(self, texts: Sequence[Sequence[T]], max_length: int) -> list[Sequence[T]]:
        n_special = self._template.n_special(len(texts))
        if max_length < n_special:
            raise InputError(
                f"max_length: expected at least the {n_special} special tokens, got {max_length}"
            )
        return self._truncation(texts, max_length - n_special)

    def _ids(self, text: str, name: str) -> list[int]:
        _check(text, name)
        ids: list[int] = []
        for begin, end, added in self._cut_raw(text):
            if added is not None:
                ids.append(added)
                continue
            section = self._normalize(text[begin:end])
            for first, last, also_added in self._cut_normal(section):
                if also_added is not None:
                    ids.append(also_added)
                else:
                    words = self._split(section[first:last])
                    ids += chain.from_iterable(map(self._ids_of_word, words))
        return ids

    def _normalize(self, text: str) -> str:
        for step in self._normalizers:
            text = step(text)
            if len(text) > MAX_GROWTH * MAX_CHARS:
                raise InputError(
                    f"expected a text of at most {MAX_GROWTH * MAX_CHARS} characters when it is "
                    f"normalised, got {len(text)}"
                )
        return text

    def _split(self, text: str) -> list[str]:
        words = [text]
        for step in self._pre_tokenizers:
            words = step(words[0]) if len(words) == 1 else [*chain.from_iterable(map(step, words))]
        return words

    def _pieces_of(self, text: str, name: str) -> list[Piece]:
        """As `_ids`, with what every id stands for."""
        _check(text, name)
        whole = Aligned.of(text)
        pieces: list[Piece] = []
        for begin, end, added in self._cut_raw(text):
            section = whole.part(begin, end)
            if added is not None:
                pieces.append(Piece(section.text, section.span))
                continue
            self._normalize(
                section.text
            )  # refuses what grows without measure: aligned it is larger
            for step in self._normalizers:
                section = step.align(section)
            for first, last, also_added in self._cut_normal(section.text):
                part = section.part(first, last)
                if also_added is not None:
                    pieces.append(Piece(part.text, part.span))
                    continue
                for word in reduce(split, self._pre_tokenizers, [part]):
                    spelled = word if self._spelling is None else word.each(self._spelling)
                    pieces += (
                        Piece(self._pieces[i], spelled.part(*ends).span)
                        for i, *ends in self._model(spelled.text)
                    )
        return pieces


class _Words(dict[str, tuple[int, ...]]):
    """The ids of each word, worked out when needed, and kept while there is room."""

    def __init__(self, model: Model, spelling: Callable[[str], str] | None) -> None:
        super().__init__()
        self._model = model
        self._spelling = spelling

    def __missing__(self, word: str) -> tuple[int, ...]:
        spelled = word if self._spelling is None else self._spelling(word)
        ids = tuple([i for i, _, _ in self._model(spelled)])
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
