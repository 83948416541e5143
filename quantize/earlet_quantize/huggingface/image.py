"""Pictures: classifiers of every family whose preprocessing `image_processor.py` knows."""

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.classifier import classifier
from earlet_quantize.huggingface.draft import Draft
from earlet_quantize.huggingface.folder import PREPROCESSOR, Facts, Folder, Variant
from earlet_quantize.huggingface.image_processor import image_section
from earlet_quantize.huggingface.network import Input, Network, read_network

# Model types that take pictures of `image_size` only, whatever sizes their graphs admit: they have
# learned their positions, or exporters leave numbers in the graph that follow from the size.
OF_ONE_SIZE = (
    *("clip", "deit", "levit", "mobilevit", "mobilevitv2", "siglip", "swin", "swinv2", "vit"),
    "vit_msn",
)
TOWERS = ("clip", "siglip")  # one for pictures and one for texts: `vision_config` in config.json
TOWER_SIZE = 224  # pixels: the default of both, which is not written


def classify_image(folder: Folder, config: Facts, variant: Variant) -> Draft:
    """A classifier of pictures."""
    section, size = image_section(folder)
    network = read_network(folder, variant, {"pixel_values": Input("features", 4)})
    taken = _size_taken(config, network)
    if any(wanted not in (None, side) for side, wanted in zip(size, taken, strict=True)):
        raise FolderError(
            f"{folder.path / PREPROCESSOR}: expected pictures of {taken[0]} x {taken[1]}, as the "
            f"network takes them, got {size[0]} x {size[1]}"
        )
    return classifier("image-classification", section, config, network)


def _size_taken(config: Facts, network: Network) -> tuple[int | None, ...]:
    """Height and width of the pictures that a network takes; None: any."""
    kind = config.get("model_type", str)
    if kind not in OF_ONE_SIZE:
        return network.shapes["features"][2:]
    if kind in TOWERS:
        config = config.section("vision_config").over({"image_size": TOWER_SIZE})
    return (config.get("image_size", int),) * 2
