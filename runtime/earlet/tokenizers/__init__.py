"""Text to token ids and back, as `tokenizer.json` says."""

from earlet.tokenizers.detokenizer import Detokenizer
from earlet.tokenizers.reader import detokenizer_from_json, from_json
from earlet.tokenizers.template import Encoding
from earlet.tokenizers.tokenizer import Tokenizer

__all__ = ["Detokenizer", "Encoding", "Tokenizer", "detokenizer_from_json", "from_json"]
