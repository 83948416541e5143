"""How pictures are prepared: preprocessor_config.json as a bundle's `input` section.

All facts are in the file, over the documented defaults of the class of transformers that it names.
`PROCESSORS` is the table: what each class can be told, what it does where it is told nothing, and
how it resizes. How options become those of `features/image.py` is told there.

The same classes were called ...FeatureExtractor once, and are called ...ImageProcessorFast where
torchvision resizes; here Pillow's way of resizing is meant in any case. Where a file says what the
releases of a class understand differently, or what no class of that name does, it is refused.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from earlet_quantize.huggingface.folder import PREPROCESSOR, Facts, Folder

Size = int | list[int]  # of a shorter side, or height and width; pixels

RESAMPLES = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
WARPED_FROM = 384  # pixels: ConvNextImageProcessor crops smaller pictures, and warps larger ones
LEVIT_MARGIN = 256 / 224  # LevitImageProcessor resizes a shortest edge to so much more
LEAST_CROP_PCT = 0.1  # of a picture; published networks see 0.8 and more
# Where null means the default in every release; of other options it turns a step off in some.
MAY_BE_NULL = frozenset({"size", "crop_size", "image_mean", "image_std"})
# Pictures are RGB here from the start, and labels of pixels are not for classifiers.
WITHOUT_EFFECT = ("do_convert_rgb", "do_reduce_labels")


class Processor(NamedTuple):
    """A class of transformers."""

    resize: Callable[[Facts], dict[str, object]]  # `resize`, and perhaps `crop`, of the section
    options: Mapping[str, object]  # all that bear on pixels, with their defaults
    may_be_null: frozenset[str] = MAY_BE_NULL


def image_section(folder: Folder) -> tuple[dict[str, object], list[int]]:
    """The `input` section that prepares pictures as a folder says, and what size it gives.

    Returns:
        The section, and height and width in pixels.

    Raises:
        FolderError: when a fact is missing, is of the wrong type, or cannot be honoured.
    """
    processor, facts = _read(folder.facts(PREPROCESSOR))
    resample = RESAMPLES.get(facts.get("resample", int))
    if resample is None:
        facts.refuse("resample", f"one of {RESAMPLES}")
    section: dict[str, object] = {"kind": "image", "resample": resample}
    if facts.get("do_resize", bool):
        section |= processor.resize(facts)
    if facts.get("do_center_crop", bool):
        section["crop"] = _sides(facts, "crop_size")
    size = section.get("crop", section.get("resize"))
    if not isinstance(size, list):
        facts.refuse("size", "height and width, or a crop_size: networks take pictures of one size")
    if facts.get("do_flip_channel_order", bool):
        section["channels"] = "bgr"
    return section | _scale(facts), size


def _read(stated: Facts) -> tuple[Processor, Facts]:
    """The class that a file names, and the file's facts over its defaults."""
    legacy = "image_processor_type" not in stated and "feature_extractor_type" in stated
    key = "feature_extractor_type" if legacy else "image_processor_type"
    name = stated.get(key, str).replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    if name not in PROCESSORS:
        stated.refuse(key, f"one of {', '.join(PROCESSORS)}")
    processor = PROCESSORS[name]
    for option in sorted(stated.nulls & processor.options.keys() - processor.may_be_null):
        stated.refuse(option, "a value, or no such key: what null means varies")
    for option, value in stated.values.items():
        switches = option in SWITCHES or option.startswith("do_")
        known = option in processor.options or option in WITHOUT_EFFECT
        if switches and not known and value not in (False, "channels_first"):
            stated.refuse(option, f"no such key: {name} has no use for it in some releases")
    return processor, stated.over({**OFF, **processor.options})


def _scale(facts: Facts) -> dict[str, object]:
    """`rescale_factor`, `mean` and `std` of the section."""
    factor, mean, std = 1.0, [0.0] * 3, [1.0] * 3
    normalised, again = facts.get("do_normalize", bool), facts.get("include_top", bool)
    if normalised:
        mean, std = _colours(facts, "image_mean"), _colours(facts, "image_std")
    if facts.get("do_rescale", bool):
        factor = facts.get("rescale_factor", float)
        if facts.get("rescale_offset", bool):
            mean = [value + 1 for value in mean]  # 1 is subtracted from what was rescaled
    if again:
        std = [a * b for a, b in zip(std, _colours(facts, "image_std"), strict=True)]
    return {"rescale_factor": factor, "mean": mean, "std": std}


def _colours(facts: Facts, key: str) -> list[float]:
    """A number for each of red, green and blue."""
    values = facts.get(key, tuple[float, ...])
    if len(values) != 3:
        facts.refuse(key, "3 numbers")
    return list(values)


def _sides(facts: Facts, key: str) -> list[int]:
    """Height and width, which files write as an object, a list, or a number that is both."""
    match facts.values.get(key):
        case int():
            return [facts.count(key)] * 2
        case [_, _] as sides:
            size = Facts(dict(zip(("height", "width"), sides, strict=True)), facts.where)
        case _:
            size = facts.section(key)
            if size.values.keys() - {"height", "width"}:
                facts.refuse(key, "height and width")
    return [size.count("height"), size.count("width")]


def _edge_or_sides(facts: Facts) -> Size:
    """A shortest edge, which a number is, too; or height and width."""
    size = facts.values["size"]
    if isinstance(size, int):
        return facts.count("size")
    if isinstance(size, Mapping) and facts.section("size").values.keys() == {"shortest_edge"}:
        return facts.section("size").count("shortest_edge")
    return _sides(facts, "size")


def _crop_pct(facts: Facts) -> float:
    fraction = facts.get("crop_pct", float)
    if not LEAST_CROP_PCT <= fraction <= 1:
        facts.refuse("crop_pct", f"{LEAST_CROP_PCT} to 1")
    return fraction


def _to_sides(facts: Facts) -> dict[str, object]:
    return {"resize": _sides(facts, "size")}


def _to_edge(facts: Facts) -> dict[str, object]:
    return {"resize": _edge_or_sides(facts)}


def _levit(facts: Facts) -> dict[str, object]:
    size = _edge_or_sides(facts)
    return {"resize": int(LEVIT_MARGIN * size) if isinstance(size, int) else size}


def _poolformer(facts: Facts) -> dict[str, object]:
    """Larger by 1 / crop_pct; a square is meant as a shortest edge."""
    size, fraction = _edge_or_sides(facts), _crop_pct(facts)
    sides = [size] if isinstance(size, int) else size
    larger = [int(side / fraction) for side in sides]
    return {"resize": larger if len({*sides}) == 2 else larger[0]}


def _convnext(facts: Facts) -> dict[str, object]:
    """Small pictures are cut out of larger ones, large ones are resized whatever their shape."""
    edge, fraction = _edge_or_sides(facts), _crop_pct(facts)
    if not isinstance(edge, int):
        facts.refuse("size", "a shortest_edge")
    if edge >= WARPED_FROM:
        return {"resize": [edge, edge]}
    return {"resize": int(edge / fraction), "crop": [edge, edge]}


OFF = {  # in classes that do not have these
    "do_center_crop": False,
    "do_flip_channel_order": False,
    "do_normalize": False,
    "include_top": False,
    "rescale_offset": False,
}
# What turns a step on, beside all do_...; use_square_size is of some CLIP only.
SWITCHES = ("crop_pct", "data_format", "include_top", "rescale_offset", "use_square_size")
RESCALED = {"do_resize": True, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255}
HALF = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
OPENAI = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
NORMALIZED = {**RESCALED, "do_normalize": True, **HALF}
BICUBIC = {**NORMALIZED, "resample": 3}
CROPPED = {"do_center_crop": True, "crop_size": 224}
_CLIP = Processor(_to_edge, {**BICUBIC, **OPENAI, **CROPPED, "size": 224})
_TO_SQUARE = Processor(_to_sides, {**BICUBIC, **CROPPED, "size": 256})
_MOBILENET = Processor(_to_edge, {**NORMALIZED, **CROPPED, "size": 256})
PROCESSORS: dict[str, Processor] = {
    "BeitImageProcessor": _TO_SQUARE,
    "BitImageProcessor": _CLIP,
    "CLIPImageProcessor": _CLIP,
    "ConvNextImageProcessor": Processor(
        _convnext, {**NORMALIZED, "size": 384, "crop_pct": 224 / 256}, MAY_BE_NULL | {"crop_pct"}
    ),
    "DeiTImageProcessor": _TO_SQUARE,
    "EfficientNetImageProcessor": Processor(
        _to_sides,
        {
            **NORMALIZED,
            "size": 346,
            "resample": 0,
            "do_center_crop": False,
            "crop_size": 289,
            "rescale_offset": False,
            "include_top": True,
        },
    ),
    "LevitImageProcessor": Processor(_levit, {**BICUBIC, **IMAGENET, **CROPPED, "size": 224}),
    "MobileNetV1ImageProcessor": _MOBILENET,
    "MobileNetV2ImageProcessor": _MOBILENET,
    "MobileViTImageProcessor": Processor(
        _to_edge,
        {**RESCALED, **CROPPED, "size": 224, "crop_size": 256, "do_flip_channel_order": True},
    ),
    "PoolFormerImageProcessor": Processor(
        _poolformer, {**BICUBIC, **IMAGENET, **CROPPED, "size": 224, "crop_pct": 0.9}
    ),
    "SegformerImageProcessor": Processor(_to_sides, {**NORMALIZED, **IMAGENET, "size": 512}),
    "SiglipImageProcessor": Processor(_to_sides, {**BICUBIC, "size": 224}),
    "ViTImageProcessor": Processor(_to_sides, {**NORMALIZED, "size": 224}),
}
