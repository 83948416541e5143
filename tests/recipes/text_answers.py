"""Make `tests/golden/text/answers.json`: what transformers' pipeline for texts answers.

    PYTHONHASHSEED=0 python -m tests.recipes.text_answers

Needs what `tests.recipes.tiny_folders` needs, whose networks and folders it takes. Each case is a
family, what is edited in the files of its folder, inputs, their ids, options of some calls, and
for each of these the answers.
Texts are always given with `truncation=True`.
"""

import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from tests.recipes.tiny_folders.__main__ import FAMILIES, randomise
from tests.recipes.tiny_folders.family import GOLDEN, OUT, PAIR, TEXT

FILE = GOLDEN / "text" / "answers.json"
CONFIG, TOKENIZER = "tokenizer_config.json", "tokenizer.json"
PAIRS = [
    PAIR,
    {"text": PAIR["text"], "text_pair": TEXT},
    {"text": TEXT, "text_pair": PAIR["text"]},
    {"text": "42", "text_pair": "42"},
]
TEXTS = [TEXT, *PAIR.values(), "42"]
LONG = [3 * TEXT, {"text": "42", "text_pair": 3 * TEXT}, {"text": 3 * TEXT, "text_pair": TEXT}]
FUNCTIONS: list[dict[str, Any]] = [
    {"top_k": None},
    *({"top_k": None, "function_to_apply": name} for name in ("none", "sigmoid", "softmax")),
    {"top_k": 2},
]
INPUTS = {  # by family
    "roberta": PAIRS,  # one label: a reranker
    "bert": PAIRS,  # three: entailment and the like
    "distilbert": TEXTS,  # several at once
    "xlm-roberta": TEXTS,  # a number
}
SHORT: dict[str, dict[str, Any]] = {CONFIG: {"model_max_length": 20}}
LEFT = {CONFIG: {"model_max_length": 20, "truncation_side": "left"}}
CUTS = {"max_length": 12, "strategy": "OnlySecond", "direction": "Left", "stride": 0}
CUTTING = [SHORT, LEFT, {**SHORT, TOKENIZER: {"truncation": CUTS}}]
CUT = ("bert", "roberta", "mpnet", "albert")


def main() -> None:
    """Write the file."""
    cases = [answer(family, {}, INPUTS[family], FUNCTIONS) for family in INPUTS]
    cases += [answer(family, edits, LONG, FUNCTIONS[:1]) for family in CUT for edits in CUTTING]
    FILE.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    FILE.write_text(f"[{lines}]\n", encoding="utf-8")


def answer(
    name: str, edits: dict[str, dict[str, Any]], inputs: list[Any], options: list[dict[str, Any]]
) -> dict[str, Any]:
    """A case."""
    torch.manual_seed(0)
    family = FAMILIES[name]()
    family.model.eval()
    randomise(family.model, family.louder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(OUT / name, scratch, dirs_exist_ok=True))
        for file, changes in edits.items():
            values = json.loads((folder / file).read_text(encoding="utf-8"))
            (folder / file).write_text(json.dumps({**values, **changes}), encoding="utf-8")
        tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    classify = hf.pipeline("text-classification", family.model, tokenizer=tokenizer)
    given: dict[str, Any] = {"truncation": True}
    answers = [[classify(item, **given, **more) for item in inputs] for more in options]
    ids = [
        tokenizer(*(item.values() if isinstance(item, dict) else (item,)), truncation=True)
        for item in inputs
    ]
    return {
        "family": name,
        "edits": edits,
        "inputs": inputs,
        "options": options,
        "ids": [encoded["input_ids"] for encoded in ids],
        "answers": answers,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    main()
