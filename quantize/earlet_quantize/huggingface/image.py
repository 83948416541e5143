"""Pictures: ViT, DeiT, MobileNet V1 and V2, EfficientNet and ConvNeXt classifiers.

All facts are in preprocessor_config.json, over the documented defaults of the class that it names:

| class | a size that is a number | also |
|---|---|---|
| ViTImageProcessor | height and width | |
| DeiTImageProcessor | height and width | crop |
| EfficientNetImageProcessor | height and width | crop, rescale_offset, include_top |
| MobileNetV1ImageProcessor, MobileNetV2ImageProcessor | the shortest edge | crop |
| ConvNextImageProcessor | the shortest edge | crop_pct |

The same classes were called ...FeatureExtractor once, and are called ...ImageProcessorFast where
torchvision resizes; here Pillow's way of resizing is meant in any case. How their options become
those of `features/image.py` is told there.
"""

from collections.abc import Mapping

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import PREPROCESSOR, Facts, Folder, Variant
from earlet_quantize.huggingface.network import Input, Network, read_network

RESAMPLES = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
STANDARD = (0.5, 0.5, 0.5)  # transformers' IMAGENET_STANDARD_MEAN and _STD
WARPED_FROM = 384  # pixels: ConvNextImageProcessor crops smaller pictures, and resizes larger ones
COMMON: dict[str, object] = {
    "do_resize": True,
    "resample": 2,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "rescale_offset": False,
    "do_normalize": True,
    "image_mean": STANDARD,
    "image_std": STANDARD,
    "include_top": False,
}
DEFAULTS: dict[str, dict[str, object]] = {
    "ViTImageProcessor": {**COMMON, "size": 224},
    "DeiTImageProcessor": {
        **COMMON,
        "size": 256,
        "resample": 3,
        "do_center_crop": True,
        "crop_size": 224,
    },
    "MobileNetV1ImageProcessor": {
        **COMMON,
        "size": 256,
        "do_center_crop": True,
        "crop_size": 224,
    },
    "EfficientNetImageProcessor": {
        **COMMON,
        "size": 346,
        "resample": 0,
        "crop_size": 289,
        "include_top": True,
    },
    "ConvNextImageProcessor": {**COMMON, "size": 384, "crop_pct": 224 / 256},
}
DEFAULTS["MobileNetV2ImageProcessor"] = DEFAULTS["MobileNetV1ImageProcessor"]
BY_SHORTEST_EDGE = (
    "MobileNetV1ImageProcessor",
    "MobileNetV2ImageProcessor",
    "ConvNextImageProcessor",
)
OF_ONE_SIZE = ("vit", "deit")  # model types that have learned their positions


def classify_image(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier of pictures."""
    name, facts = processor(folder)
    section: dict[str, object] = {"kind": "image", **sides(name, facts), **scale(facts)}
    network = read_network(folder, variant, {"pixel_values": Input("features", 4)})
    _check_size(section, facts, config, network)
    return classifier("image-classification", section, config, network)


def processor(folder: Folder) -> tuple[str, Facts]:
    """The class of the image processor, and its facts over the defaults."""
    facts = folder.facts(PREPROCESSOR)
    legacy = "image_processor_type" not in facts and "feature_extractor_type" in facts
    key = "feature_extractor_type" if legacy else "image_processor_type"
    name = facts.get(key, str).replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    if name not in DEFAULTS:
        facts.refuse(key, f"one of {', '.join(sorted(DEFAULTS))}")
    return name, facts.over(DEFAULTS[name])


def sides(name: str, facts: Facts) -> dict[str, object]:
    """`resize`, `crop` and `resample` of the bundle's `input` section."""
    resample = RESAMPLES.get(facts.get("resample", int))
    if resample is None:
        facts.refuse("resample", f"one of {RESAMPLES}")
    section: dict[str, object] = {"resample": resample}
    if facts.get("do_resize", bool):
        section["resize"] = _size(facts, "size", by_shortest_edge=name in BY_SHORTEST_EDGE)
    if facts.get("do_center_crop", bool):
        section["crop"] = _size(facts, "crop_size", by_shortest_edge=False)
    if name == "ConvNextImageProcessor" and "resize" in section:
        section |= _convnext(facts)
    return section


def _convnext(facts: Facts) -> dict[str, object]:
    """Small pictures are cut out of larger ones, large ones are resized whatever their shape."""
    edge = _size(facts, "size", by_shortest_edge=True)
    fraction = facts.get("crop_pct", float)
    if not isinstance(edge, int):
        facts.refuse("size", "a shortest_edge")
    if not 0 < fraction <= 1:
        facts.refuse("crop_pct", "more than 0 and at most 1")
    if edge >= WARPED_FROM:
        return {"resize": [edge, edge]}
    return {"resize": int(edge / fraction), "crop": [edge, edge]}


def scale(facts: Facts) -> dict[str, object]:
    """`rescale_factor`, `mean` and `std` of the bundle's `input` section."""
    factor, mean, std = 1.0, [0.0] * 3, [1.0] * 3
    image_mean = facts.get("image_mean", tuple[float, ...])
    image_std = facts.get("image_std", tuple[float, ...])
    if len(image_mean) != 3 or len(image_std) != 3:
        facts.refuse("image_mean", "3 numbers, and 3 in image_std")
    if facts.get("do_normalize", bool):
        mean, std = list(image_mean), list(image_std)
    if facts.get("do_rescale", bool):
        factor = facts.get("rescale_factor", float)
        if facts.get("rescale_offset", bool):
            mean = [value + 1 for value in mean]  # 1 is subtracted from what was rescaled
    if facts.get("include_top", bool):
        std = [value * again for value, again in zip(std, image_std, strict=True)]
    return {"rescale_factor": factor, "mean": mean, "std": std}


def _size(facts: Facts, key: str, *, by_shortest_edge: bool) -> int | list[int]:
    """A shortest edge, or height and width."""
    if isinstance(facts.values.get(key), int):
        side = facts.count(key)
        return side if by_shortest_edge else [side, side]
    size = facts.section(key)
    if "shortest_edge" not in size:
        return [size.count("height"), size.count("width")]
    if not by_shortest_edge:
        facts.refuse(key, "height and width")
    return size.count("shortest_edge")


def _check_size(
    section: Mapping[str, object], facts: Facts, config: Facts, network: Network
) -> None:
    """Raise FolderError unless the pictures have the size that the network takes."""
    size = section.get("crop", section.get("resize"))
    if not isinstance(size, list):
        facts.refuse("size", "height and width, or a crop_size: networks take pictures of one size")
    taken = network.shapes["features"][2:]
    if config.get("model_type", str) in OF_ONE_SIZE:
        taken = (config.get("image_size", int),) * 2
    if any(wanted not in (None, side) for side, wanted in zip(size, taken, strict=True)):
        raise FolderError(
            f"{facts.where}: expected pictures of {taken[0]} x {taken[1]}, as the network takes "
            f"them, got {size[0]} x {size[1]}"
        )
