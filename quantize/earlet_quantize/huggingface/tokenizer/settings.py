"""What the files beside a vocabulary say: options of the class, and tokens that were added.

| file | what |
|---|---|
| tokenizer_config.json | options, special tokens, `added_tokens_decoder`: id -> token |
| special_tokens_map.json | special tokens; read where there is no `added_tokens_decoder` |
| added_tokens.json | token -> id; read where there is no `added_tokens_decoder` |

Which file outweighs which is as in `PreTrainedTokenizerBase._from_pretrained` (transformers 4.57).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from earlet.schema import convert
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import TOKENIZER_CONFIG, Facts, Folder
from earlet_quantize.huggingface.tokenizer.document import Json

SPECIAL_TOKENS, ADDED_TOKENS = "special_tokens_map.json", "added_tokens.json"
MAX_DIGITS = 8  # of an id; vocabularies have up to a million tokens
STATED, ADDITIONAL = "added_tokens_decoder", "additional_special_tokens"
# Of special tokens, in the order in which transformers adds them.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Token(NamedTuple):
    """An entry of `added_tokens` in tokenizer.json, but for its id."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True


class Settings:
    """Options and tokens of a class, as a folder has them."""

    def __init__(
        self,
        folder: Folder,
        tokens: Mapping[str, Token],
        options: Mapping[str, object],
        additional: Sequence[str] = (),
    ) -> None:
        """The defaults of the class: `tokens` by name ("cls_token"), `options`, `additional` ones.

        Raises:
            FolderError: when tokenizer_config.json is missing, or a token is no token.
        """
        config = folder.facts(TOKENIZER_CONFIG)
        values = {**options, ADDITIONAL: additional, **config.values}
        if STATED not in config and folder.has(SPECIAL_TOKENS):
            values |= folder.facts(SPECIAL_TOKENS).values
        self.folder = folder
        self.facts = Facts(values, config.where)
        self._defaults = tokens
        self._names = [name for name in NAMES if name in tokens or name in self.facts]
        self._stated = self._read_stated()

    def token(self, name: str) -> Token:
        """A special token by its name in the files."""
        if name not in self.facts:
            return self._defaults[name]
        if isinstance(self.facts.values[name], Mapping):
            return _token(self.facts.section(name), special=True)
        content = self.facts.get(name, str)
        return self._defaults.get(name, Token(content))._replace(content=content)

    def ids(self, vocabulary: Mapping[str, int], *contents: str) -> dict[str, int]:
        """The ids of tokens that a vocabulary must have.

        Raises:
            FolderError: when it does not have one.
        """
        for content in contents:
            if content not in vocabulary:
                raise FolderError(
                    f"{self.folder.path}: the token {content!r} is not in the vocabulary"
                )
        return {content: vocabulary[content] for content in contents}

    def added(self, vocabulary: Mapping[str, int], pieces: Iterable[Token] = ()) -> list[Json]:
        """The `added_tokens`: those of the vocabulary's own file, those stated, special ones.

        What the vocabulary does not have comes after it.

        Raises:
            FolderError: when a token has another id than the files say.
        """
        special = [*map(self.token, self._names), *self._additional()]
        tokens = {token.content: token for token in (*pieces, *self._stated.values())}
        stated = {token.content for token in self._stated.values()}
        for token in special:
            known = tokens[token.content] if token.content in stated else token
            tokens[token.content] = known._replace(special=True)
        following = count(len(vocabulary))
        ids = {
            content: vocabulary[content] if content in vocabulary else next(following)
            for content in tokens
        }
        for i, token in self._stated.items():
            if ids[token.content] != i:
                raise FolderError(
                    f"{self.folder.path}: expected the token {token.content!r} to have the id "
                    f"{ids[token.content]}, as in the vocabulary or after it, the files say {i}"
                )
        return [
            {"id": i, **tokens[content]._asdict()}
            for content, i in sorted(ids.items(), key=lambda item: item[1])
        ]

    def _additional(self) -> list[Token]:
        where = f"{self.facts.where}: {ADDITIONAL}"
        return [
            _token(Facts(value, where), special=True)
            if isinstance(value, Mapping)
            else Token(convert(str, value, where, FolderError))
            for value in self.facts.get(ADDITIONAL, tuple[object, ...])
        ]

    def _read_stated(self) -> dict[int, Token]:
        """Tokens whose ids the files state, in their order."""
        if STATED in self.facts:
            section = self.facts.section(STATED)
            if not all(i.isdecimal() and len(i) <= MAX_DIGITS for i in section.values):
                self.facts.refuse(STATED, "ids")
            return {
                int(i): _token(section.section(i), special=False)
                for i in sorted(section.values, key=int)
            }
        if not self.folder.has(ADDED_TOKENS):
            return {}
        added = self.folder.facts(ADDED_TOKENS)
        special = {self.facts.token(name) for name in self._names if name in self.facts}
        special |= {token.content for token in self._additional()}
        ids = {added.get(content, int): content for content in added.values}
        return {
            i: Token(content, normalized=content not in special, special=content in special)
            for i, content in sorted(ids.items())
        }


def _token(section: Facts, *, special: bool) -> Token:
    flags = {
        key: section.get(key, bool) for key in Token._fields if key != "content" and key in section
    }
    is_special = flags.setdefault("special", special)
    flags.setdefault("normalized", not is_special)
    return Token(section.get("content", str), **flags)
