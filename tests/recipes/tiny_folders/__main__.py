"""Make `tests/golden/huggingface`: tiny networks with random weights, in folders as people have
them, and what transformers answers with them.

    PYTHONHASHSEED=0 python -m tests.recipes.tiny_folders [FAMILY ...]

Needs torch 2.13.0, transformers 4.57.6, optimum 2.1.0, optimum-onnx 0.1.0, Pillow and soundfile,
which the tests do not. Nothing is downloaded, a network takes a second, and two runs give the same
bytes; optimum merges decoders in the order of hashes, hence the seed. A family's folder is what
transformers and optimum write, and FAMILY.npz beside it holds

    kind       sounds, pictures, texts or pairs: which of examples.json it is given, i from 0
    network.i  what PyTorch computes: logits of a classifier; of a recogniser the log-probability of
               the likeliest token of each step
    answers    what transformers' pipeline makes of each: JSON, texts or labels and scores
    features   what the network is fed of the first, without the batch; of a text its ids
    logits     of the first, where it is a recogniser; of an encoder-decoder those of each token it
               writes

and of an encoder-decoder what its decoder makes of the first and FED, tokens as good as any:

    attention  of the cross-attention, (n_layers, n_heads, n_tokens, n_frames)
    hidden     what goes into the head, (n_tokens, size)
"""

import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from optimum.exporters.onnx import onnx_export_from_model

from tests.recipes.tiny_folders import image, sound, speech, text
from tests.recipes.tiny_folders.family import OUT, Family, examples, kind, with_labels

KEPT = (  # of what transformers writes
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "added_tokens.json",
)
FED = [1, 150, 42]
FAMILIES: dict[str, Callable[[], Family]] = {
    "wav2vec2-ctc": lambda: sound.convolutional("Wav2Vec2", "CTC", vocab_size=32),
    "wav2vec2": lambda: sound.convolutional("Wav2Vec2", "SequenceClassification", **with_labels()),
    "hubert-ctc": lambda: sound.convolutional("Hubert", "CTC", vocab_size=32),
    "hubert": lambda: sound.convolutional("Hubert", "SequenceClassification", **with_labels()),
    "wavlm": lambda: sound.convolutional("WavLM", "SequenceClassification", **with_labels()),
    "unispeech-sat": lambda: sound.convolutional(
        "UniSpeechSat", "SequenceClassification", **with_labels()
    ),
    "data2vec-audio": lambda: sound.convolutional(
        "Data2VecAudio", "SequenceClassification", conv_pos_kernel_size=3, **with_labels()
    ),
    "whisper-encoder": sound.encoder,
    "ast": sound.spectrogram,
    "vit": image.vit,
    "deit": image.deit,
    "mobilenet-v1": image.mobilenet_v1,
    "mobilenet-v2": image.mobilenet_v2,
    "efficientnet": image.efficientnet,
    "convnext": image.convnext,
    "convnext-v2": image.convnext_v2,
    "resnet": image.resnet,
    "regnet": image.regnet,
    "van": image.van,
    "swin": image.swin,
    "swin-v2": image.swin_v2,
    "vit-msn": image.vit_msn,
    "siglip": image.siglip,
    "clip": image.clip,
    "segformer": image.segformer,
    "beit": image.beit,
    "data2vec-vision": image.data2vec_vision,
    "dinov2": image.dinov2,
    "mobilevit": image.mobilevit,
    "levit": image.levit,
    "poolformer": image.poolformer,
    "bert": text.bert,
    "distilbert": text.distilbert,
    "electra": text.electra,
    "mobilebert": text.mobilebert,
    "mpnet": text.mpnet,
    "roberta": text.roberta,
    "camembert": text.camembert,
    "xlm-roberta": text.xlm_roberta,
    "albert": text.albert,
    "deberta-v2": text.deberta_v2,
    "whisper": speech.whisper,
    "moonshine": speech.moonshine,
}


def randomise(model: Any, louder: tuple[str, float] | None) -> None:
    """Weights that keep the size of what flows through, and answers that differ."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_parameters()  # an untrained EfficientNet's let nothing through
    for name, weight in model.named_parameters():
        if "parametrizations" in name:  # a convolution's weight, in two parts
            continue
        noise = torch.randn_like(weight)
        loud: float = 4 if name.startswith(("classifier", "lm_head", "cls_classifier")) else 1
        if louder and louder[0] in name:
            loud = louder[1]
        weight.data = (
            loud * noise * weight[0].numel() ** -0.5 if weight.ndim > 1 else weight + noise / 10
        )
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    if hasattr(model, "lm_head"):
        model.lm_head.bias.data[1:4] = -99.0  # <s>, </s>, <unk>: real ones never write them


def export(family: Family, folder: str) -> None:
    """Write all files of a family, by the libraries that people use."""
    with_cache = "-with-past" if family.model.config.is_encoder_decoder else ""
    if family.task == "image-classification":
        family.processor.save_pretrained(folder)
        family.model.config._name_or_path = folder  # optimum looks there for DINOv2's size
    onnx_export_from_model(
        family.model, folder, task=family.task + with_cache, do_validation=False, device="cpu"
    )
    for part in (family.model.config, family.processor, family.writer):
        if part is not None:
            part.save_pretrained(folder)


def inputs_of(family: Family, example: Any) -> Any:
    """What the network is fed, by transformers' own processor."""
    prepare = family.processor
    if family.task == "text-classification":
        texts = example.values() if isinstance(example, dict) else (example,)
        return prepare(*texts, return_tensors="pt")
    if family.task == "image-classification":
        return prepare(example, return_tensors="pt")
    return prepare(example, sampling_rate=prepare.sampling_rate, return_tensors="pt")


def logits_of(family: Family, inputs: Any) -> Any:
    """What the network computes, without the batch."""
    with torch.no_grad():
        if not family.model.config.is_encoder_decoder:
            return family.model(**inputs).logits[0].numpy()
        written = family.model.generate(
            **inputs, **(family.options or {}), output_scores=True, return_dict_in_generate=True
        )
    return torch.cat(written.scores).numpy()


def best_of(logits: Any) -> Any:
    """The log-probability of each step's likeliest token, (n_steps,)."""
    return torch.tensor(logits).log_softmax(dim=-1).amax(dim=-1).numpy()


def answer_of(family: Family, example: Any) -> Any:
    """What transformers' pipeline says."""
    if family.task == "text-classification":
        classify = hf.pipeline(family.task, family.model, tokenizer=family.processor)
        return classify(example, top_k=None)
    if family.task == "image-classification":
        return hf.pipeline(family.task, family.model, image_processor=family.processor)(example)
    answer = hf.pipeline(
        family.task, family.model, feature_extractor=family.processor, tokenizer=family.writer
    )
    if family.options:
        return answer(example, generate_kwargs=family.options)
    return answer(example)


def inside_of(family: Family, inputs: Any) -> dict[str, Any]:
    """What an encoder-decoder does not tell unless it is asked."""
    if not family.model.config.is_encoder_decoder:
        return {}
    family.model.set_attn_implementation("eager")  # others do not keep what they attend to
    with torch.no_grad():
        told = family.model(
            **inputs,
            decoder_input_ids=torch.tensor([FED]),
            output_attentions=True,
            output_hidden_states=True,
        )
    return {
        "attention": torch.cat(told.cross_attentions).numpy(),
        "hidden": told.decoder_hidden_states[-1][0].numpy(),
    }


def make(name: str) -> None:
    """Write a family's folder and its golden file."""
    torch.manual_seed(0)
    family = FAMILIES[name]()
    family.model.eval()
    family.model.config.architectures = [type(family.model).__name__]  # as save_pretrained does
    randomise(family.model, family.louder)
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        export(family, scratch)
        for file in map(Path, (*family.networks, *KEPT)):
            if (Path(scratch) / file.name).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(scratch) / file.name, folder / file)
    given = examples(family)
    inputs = [inputs_of(family, example) for example in given]
    logits = [logits_of(family, fed) for fed in inputs]
    recognises = family.task == "automatic-speech-recognition"
    np.savez_compressed(
        OUT / f"{name}.npz",
        kind=np.array(kind(family)),
        features=next(iter(inputs[0].values()))[0].numpy().astype(np.float32),
        answers=np.array(json.dumps([answer_of(family, example) for example in given])),
        **{f"network.{i}": best_of(a) if recognises else a for i, a in enumerate(logits)},
        **({"logits": logits[0]} if recognises else {}),
        **inside_of(family, inputs[0]),
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    for wanted in sys.argv[1:] or FAMILIES:
        make(wanted)
