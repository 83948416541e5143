"""Classifiers of any kind of input: what their outputs are called, and how they become scores.

| fact | in config.json | where it is not there |
|---|---|---|
| labels | `id2label`: "0", "1", ... to names | LABEL_0 and LABEL_1, PretrainedConfig's default |
| function_to_apply | `problem_type` | softmax |

A regression has no function, several labels at once take sigmoid, and so does a single one: as
transformers' pipelines do (`pipelines/text_classification.py`), but that the one for sound takes
softmax whatever the problem.
"""

from collections.abc import Mapping

from earlet.decoding.classify import FunctionToApply
from earlet.manifest import Task
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import Facts, encode
from earlet_quantize.huggingface.network import FILE, Network

LABELS = "labels.txt"  # its name in the bundle
DEFAULT_ID2LABEL = {"0": "LABEL_0", "1": "LABEL_1"}
FUNCTIONS: dict[str, FunctionToApply] = {  # by problem_type
    "regression": "none",
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
}


def classifier(task: Task, section: Mapping[str, object], config: Facts, network: Network) -> Draft:
    """A bundle of one network whose logits are labels; `section` is its `input`.

    Raises:
        FolderError: when config.json's labels are not those of the network.
    """
    labels = read_labels(config, network.n_outputs)
    placeholders = labels[0] == DEFAULT_ID2LABEL["0"]
    note = f"{config.where}: the labels are placeholders, LABEL_0 and so on"
    return Draft(
        task=task,
        model={"architecture": "classifier", "backend": "onnxruntime", "network": FILE},
        input=section,
        output={"labels": LABELS, "function_to_apply": function_to_apply(config, len(labels))},
        files={
            FILE: network.data,
            LABELS: encode("".join(f"{label}\n" for label in labels), config.where),
        },
        notes=(note,) if placeholders else (),
    )


def read_labels(config: Facts, n_outputs: int) -> tuple[str, ...]:
    """The labels of a network with so many outputs, in their order.

    Raises:
        FolderError: when there are more or fewer, ids are missing, or a name cannot be used.
    """
    facts = config.over({"id2label": DEFAULT_ID2LABEL})
    by_id = facts.get("id2label", dict[str, str])
    if by_id.keys() != {str(i) for i in range(len(by_id))}:
        raise FolderError(
            f"{config.where}: id2label: expected the ids 0 to {len(by_id) - 1}, each once, got "
            f"{', '.join(sorted(by_id)[:5])} ..."
        )
    labels = tuple(by_id[str(i)] for i in range(len(by_id)))
    for i, label in enumerate(labels):
        if len(label.splitlines()) != 1 or not label.strip():
            raise FolderError(
                f"{config.where}: id2label: {i}: expected a name on one line, got {label!r}"
            )
    if len(labels) != n_outputs:
        raise FolderError(
            f"{config.where}: id2label: expected {n_outputs} labels, as the network has outputs, "
            f"got {len(labels)}"
        )
    return labels


def function_to_apply(config: Facts, n_labels: int) -> FunctionToApply:
    """What makes scores of the network's outputs."""
    function: FunctionToApply = "softmax"
    if "problem_type" in config:
        problem = config.get("problem_type", str)
        if problem not in FUNCTIONS:
            config.refuse("problem_type", f"one of {', '.join(FUNCTIONS)}")
        function = FUNCTIONS[problem]
    # The softmax of one label is 1, whatever it is.
    return "sigmoid" if function == "softmax" and n_labels == 1 else function
