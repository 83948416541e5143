"""What goes around a text or a pair: special tokens and type ids.

    single  [CLS] A [SEP]            type ids 0 0 0
    pair    [CLS] A [SEP] B [SEP]    type ids 0 0 0 1 1

Read from the `post_processor` section of `tokenizer.json`. Held to the Rust `tokenizers` in
`tests/tokenizers/test_template.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from earlet.errors import BundleError
from earlet.tokenizers.alignment import Span
from earlet.tokenizers.byte_level import BYTE_TO_CHAR
from earlet.tokenizers.document import component, is_id, mapping, sequence
from earlet.tokenizers.unicode import WHITE_SPACE

TEXT, PAIR = 0, 1  # which of two texts
NOWHERE = (0, 0)  # the span of a special token
SPACES = WHITE_SPACE + BYTE_TO_CHAR[ord(" ")]


class Encoding(NamedTuple):
    """A text or a pair as a network takes it. No id is padding: an attention mask is all ones."""

    ids: list[int]
    type_ids: list[int]


class Part(NamedTuple):
    """A run of ids of one type: those of a text, or special ones."""

    text: int | None  # TEXT, PAIR, or None
    ids: tuple[int, ...]
    type_id: int


class Piece(NamedTuple):
    """A token, and what it stands for."""

    text: str  # as the vocabulary writes it, or as it was found in the text
    span: Span


@dataclass(frozen=True)
class Template:
    """The parts for a single text and those for a pair."""

    single: tuple[Part, ...] = (Part(TEXT, (), 0),)
    pair: tuple[Part, ...] = (Part(TEXT, (), 0), Part(PAIR, (), 1))
    trims: tuple[bool, ...] = ()  # spaces are taken off spans: was one put before the text?

    def n_special(self, n_texts: int) -> int:
        """How many special tokens go around one text or two."""
        return sum(len(part.ids) for part in self._parts(n_texts))

    def fill(self, texts: Sequence[Sequence[int]]) -> Encoding:
        """Put the ids of one text or of two into their places."""
        ids: list[int] = []
        type_ids: list[int] = []
        for text, special, type_id in self._parts(len(texts)):
            run = special if text is None else texts[text]
            ids += run
            type_ids += [type_id] * len(run)
        return Encoding(ids, type_ids)

    def spans(self, texts: Sequence[Sequence[Piece]]) -> list[Span]:
        """The spans of the ids that `fill` gives; those of special tokens are empty."""
        spans: list[Span] = []
        for text, special, _ in self._parts(len(texts)):
            spans += [NOWHERE] * len(special) if text is None else self._trimmed(texts[text])
        return spans

    def _parts(self, n_texts: int) -> tuple[Part, ...]:
        return self.single if n_texts == 1 else self.pair

    def _trimmed(self, pieces: Sequence[Piece]) -> list[Span]:
        spans = [piece.span for piece in pieces]
        for is_space_put in self.trims:
            for i, (begin, end) in enumerate(spans):
                text = pieces[i].text
                n_left = len(text) - len(text.lstrip(SPACES))
                n_right = len(text) - len(text.rstrip(SPACES))
                if is_space_put and n_left == 1 and (i == 0 or begin == 0):
                    n_left = 0  # the text does not have this one
                begin = min(begin + n_left, end)
                spans[i] = begin, max(end - n_right, begin)
        return spans


def from_document(section: object, where: str) -> Template:
    """The template that the `post_processor` section asks for.

    Raises:
        BundleError: for a component or key that is not supported.
    """
    steps = [component(step, _KNOWN, where) for step in sequence(section, "processors", where)]
    templates = [step.template(where) for step in steps if not isinstance(step, ByteLevelOffsets)]
    if len(templates) > 1:
        raise BundleError(f"{where}: expected one template, got {len(templates)}")
    trims = tuple(
        step.add_prefix_space
        for step in steps
        if isinstance(step, ByteLevelOffsets | RobertaProcessing) and step.trim_offsets
    )
    return replace(templates[0] if templates else Template(), trims=trims)


@dataclass(frozen=True, kw_only=True)
class ByteLevelOffsets:
    """Takes spaces off the spans of tokens."""

    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True  # means nothing here


@dataclass(frozen=True, kw_only=True)
class BertProcessing:
    """BERT's template, with fixed places."""

    sep: tuple[object, ...]  # piece, id
    cls: tuple[object, ...]

    def template(self, where: str) -> Template:
        """[CLS] A [SEP], and [CLS] A [SEP] B [SEP]; raises BundleError, naming `where`."""
        cls, sep = _special(self.cls, where), _special(self.sep, where)
        single = (Part(None, cls, 0), Part(TEXT, (), 0), Part(None, sep, 0))
        return Template(single, (*single, Part(PAIR, (), 1), Part(None, sep, 1)))


@dataclass(frozen=True, kw_only=True)
class RobertaProcessing:
    """RoBERTa's template, with fixed places, all of one type."""

    sep: tuple[object, ...]  # piece, id
    cls: tuple[object, ...]
    trim_offsets: bool = True  # see ByteLevelOffsets
    add_prefix_space: bool = True

    def template(self, where: str) -> Template:
        """<s> A </s>, and <s> A </s> </s> B </s>; raises BundleError, naming `where`."""
        cls, sep = _special(self.cls, where), _special(self.sep, where)
        single = (Part(None, cls, 0), Part(TEXT, (), 0), Part(None, sep, 0))
        return Template(single, (*single, Part(None, sep, 0), Part(PAIR, (), 0), single[-1]))


@dataclass(frozen=True, kw_only=True)
class TemplateProcessing:
    """Any template."""

    single: tuple[object, ...]
    pair: tuple[object, ...]
    special_tokens: Mapping[str, object]

    def template(self, where: str) -> Template:
        """As it is written; raises BundleError, naming `where`."""
        return Template(self._parts(self.single, 1, where), self._parts(self.pair, 2, where))

    def _parts(self, written: tuple[object, ...], n_texts: int, where: str) -> tuple[Part, ...]:
        parts = tuple(self._part(part, where) for part in written)
        if sorted(part.text for part in parts if part.text is not None) != [*range(n_texts)]:
            raise BundleError(f"{where}: expected a template with each text in it once")
        return parts

    def _part(self, part: object, where: str) -> Part:
        match part:
            case {"Sequence": {"id": "A" | "B" as name, "type_id": int(type_id)}} if is_id(type_id):
                return Part(TEXT if name == "A" else PAIR, (), type_id)
            case {"SpecialToken": {"id": str(name), "type_id": int(type_id)}} if is_id(type_id):
                match mapping(self.special_tokens.get(name), f"{where}: {name}"):
                    case {"ids": [*ids]} if all(map(is_id, ids)):
                        return Part(None, tuple(cast(list[int], ids)), type_id)
        raise BundleError(f"{where}: expected a text or a special token, got {part!r:.80}")


def _special(token: tuple[object, ...], where: str) -> tuple[int, ...]:
    match token:
        case (str(), int(i)) if is_id(i):
            return (i,)
    raise BundleError(f"{where}: expected a piece and its id, got {token!r:.60}")


PostProcessor = BertProcessing | ByteLevelOffsets | RobertaProcessing | TemplateProcessing
_KNOWN: dict[str, type[PostProcessor]] = {
    "BertProcessing": BertProcessing,
    "ByteLevel": ByteLevelOffsets,
    "RobertaProcessing": RobertaProcessing,
    "TemplateProcessing": TemplateProcessing,
}
