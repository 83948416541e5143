"""Text: one tokenizer of each kind, under the networks that use it."""

import math
from collections import Counter
from typing import Any

import transformers as hf
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tests.recipes.tiny_folders.family import PAIR, TEXT, Family, transformer, with_labels

CORPUS = [TEXT, *PAIR.values()]  # tokenizers are made of it; most words are cut into pieces


def pieces(tokenizer: Any) -> dict[str, int]:
    """Letters of the corpus, and what of two or three occurs twice, with their numbers.

    In the place of training, which gives another vocabulary each time.
    """
    found: Counter[str] = Counter()
    for text in CORPUS:
        text = tokenizer.normalizer.normalize_str(text)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):
            for size in (1, 2, 3):
                found.update(word[i : i + size] for i in range(len(word) - size + 1))
    return {piece: n for piece, n in sorted(found.items()) if n > 1 or len(piece) == 1}


def wordpiece(cls: Any, *, lower_case: bool) -> Any:
    """BERT's and its like; MPNet has RoBERTa's special tokens, and two of them between texts."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    first, last, between, unknown = "[CLS]", "[SEP]", "", "[UNK]"
    if cls is hf.MPNetTokenizerFast:
        special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
        first, last, between = "<s>", "</s>", " </s>:0"
    tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower_case)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    found = pieces(tokenizer)
    vocabulary = [*special, *found, *(f"##{piece}" for piece in found)]
    tokenizer.model = models.WordPiece(
        {piece: i for i, piece in enumerate(vocabulary)}, unk_token=unknown
    )
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {last}:0{between} $B:1 {last}:1",
        special_tokens=[(token, special.index(token)) for token in (first, last)],
    )
    return cls(tokenizer_object=tokenizer, do_lower_case=lower_case, model_max_length=64)


def byte_level() -> Any:
    """RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return hf.RobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=64)


def unigram(cls: Any, special: list[str], single: str, pair: str) -> Any:
    """SentencePiece's, as XLM-R and DeBERTa have it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    found = pieces(tokenizer)
    total = sum(found.values())
    scores = [(piece, math.log(n * len(piece) / total)) for piece, n in found.items()]
    unknown = next(i for i, token in enumerate(special) if "unk" in token.lower())
    tokenizer.model = models.Unigram([*((token, 0.0) for token in special), *scores], unknown)
    tokenizer.add_special_tokens(special)
    used = [(token, special.index(token)) for token in special if token in pair]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=used
    )
    return cls(tokenizer_object=tokenizer)  # without a model_max_length: 1e30


def text_classifier(name: str, tokenizer: Any, example: Any, **more: Any) -> Family:
    """A classifier with room for 64 tokens."""
    config = getattr(hf, f"{name}Config")(vocab_size=len(tokenizer), **more)
    model = getattr(hf, f"{name}ForSequenceClassification")(config)
    networks = ("onnx/model.onnx",)
    return Family("text-classification", model, tokenizer, example, networks=networks)


def bert() -> Family:
    """Pairs, three labels."""
    tokenizer = wordpiece(hf.BertTokenizerFast, lower_case=True)
    sizes = {**transformer(), "max_position_embeddings": 64}
    return text_classifier("Bert", tokenizer, PAIR, **sizes, **with_labels(3))


def distilbert() -> Family:
    """Several labels at once, of text as it is written."""
    return text_classifier(
        "DistilBert",
        wordpiece(hf.DistilBertTokenizerFast, lower_case=False),
        TEXT,
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=48,
        max_position_embeddings=64,
        problem_type="multi_label_classification",
        **with_labels(),
    )


def electra() -> Family:
    """Embeddings narrower than the network."""
    tokenizer = wordpiece(hf.ElectraTokenizerFast, lower_case=True)
    sizes = {**transformer(), "embedding_size": 16, "max_position_embeddings": 64}
    return text_classifier("Electra", tokenizer, TEXT, **sizes, **with_labels())


def mobilebert() -> Family:
    """Bottlenecks, and embeddings of three tokens at once."""
    tokenizer = wordpiece(hf.MobileBertTokenizerFast, lower_case=True)
    sizes = {"embedding_size": 16, "intra_bottleneck_size": 16, "max_position_embeddings": 64}
    more = {**transformer(), **sizes, "true_hidden_size": 16, "num_feedforward_networks": 1}
    return text_classifier("MobileBert", tokenizer, TEXT, **more, **with_labels(2))


def mpnet() -> Family:
    """Pairs with two separators, and no token types."""
    tokenizer = wordpiece(hf.MPNetTokenizerFast, lower_case=True)
    sizes = {**transformer(), "max_position_embeddings": 66, "pad_token_id": 1}
    return text_classifier("MPNet", tokenizer, PAIR, **sizes, **with_labels(3))


def roberta() -> Family:
    """One score for a pair: a reranker."""
    sizes = {**transformer(), "max_position_embeddings": 66, "pad_token_id": 1}
    return text_classifier("Roberta", byte_level(), PAIR, **sizes, **with_labels(1))


def xlm_roberta() -> Family:
    """A number."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = unigram(
        hf.XLMRobertaTokenizerFast, special, "<s> $A </s>", "<s> $A </s> </s> $B </s>"
    )
    sizes = {**transformer(), "max_position_embeddings": 66, "pad_token_id": 1}
    more = {"problem_type": "regression", **with_labels(1)}
    return text_classifier("XLMRoberta", tokenizer, TEXT, **sizes, **more)


def deberta_v2() -> Family:
    """Two labels without names, positions relative to each other."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    tokenizer = unigram(
        hf.DebertaV2TokenizerFast,
        special,
        "[CLS]:0 $A:0 [SEP]:0",
        "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
    )
    return text_classifier(
        "DebertaV2",
        tokenizer,
        TEXT,
        **transformer(),
        max_position_embeddings=64,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=16,
        position_biased_input=False,
        share_att_key=True,
        type_vocab_size=0,
        pooler_hidden_size=32,
    )


def albert() -> Family:
    """One layer, used twice."""
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = unigram(
        hf.AlbertTokenizerFast,
        special,
        "[CLS]:0 $A:0 [SEP]:0",
        "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
    )
    sizes = {**transformer(), "num_hidden_layers": 2, "embedding_size": 16}
    return text_classifier(
        "Albert", tokenizer, TEXT, **sizes, max_position_embeddings=64, **with_labels(2)
    )


def camembert() -> Family:
    """RoBERTa with SentencePiece's words."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = unigram(
        hf.CamembertTokenizerFast, special, "<s> $A </s>", "<s> $A </s> </s> $B </s>"
    )
    sizes = {**transformer(), "max_position_embeddings": 66, "pad_token_id": 1}
    return text_classifier("Camembert", tokenizer, TEXT, **sizes, **with_labels())
