"""Text to token ids and back, as `tokenizer.json` says."""

from earlet.tokenizers.reader import from_json
from earlet.tokenizers.template import Encoding
from earlet.tokenizers.tokenizer import Tokenizer

__all__ = ["Encoding", "Tokenizer", "from_json"]
