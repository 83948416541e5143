"""Pictures: transformers and convolution nets, each with a preprocessing of its own."""

from typing import Any

import transformers as hf
from optimum.exporters.onnx.model_configs import ViTOnnxConfig, register_tasks_manager_onnx
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from tests.recipes.tiny_folders.family import Family, photo, transformer, with_labels


def vit() -> Family:
    """ViT: resized to a square."""
    config = hf.ViTConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    processor = hf.ViTImageProcessor(size=_square(32))
    return _family(hf.ViTForImageClassification(config), processor)


def deit() -> Family:
    """DeiT with its teacher's head: resized to a square, and cropped."""
    config = hf.DeiTConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    processor = hf.DeiTImageProcessor(size=_square(36), crop_size=_square(32))
    model = hf.DeiTForImageClassificationWithTeacher(config)
    return _family(model, processor)


def mobilenet_v1() -> Family:
    """MobileNet: the shorter edge resized, and cropped."""
    config = hf.MobileNetV1Config(
        **with_labels(), image_size=32, depth_multiplier=0.05, min_depth=4
    )
    processor = hf.MobileNetV1ImageProcessor(**_cropped(37, 32))
    model = hf.MobileNetV1ForImageClassification(config)
    return _family(model, processor, louder=("convolution", 1.8))


def mobilenet_v2() -> Family:
    """The same with inverted residuals."""
    config = hf.MobileNetV2Config(
        **with_labels(),
        image_size=32,
        depth_multiplier=0.05,
        min_depth=4,
        depth_divisible_by=4,
        expand_ratio=2.0,
        finegrained_output=False,
        tf_padding=False,
    )
    processor = hf.MobileNetV2ImageProcessor(**_cropped(36, 32), resample=3)
    model = hf.MobileNetV2ForImageClassification(config)
    return _family(model, processor, louder=("convolution", 1.5))


def efficientnet() -> Family:
    """EfficientNet: nearest pixels, -1 to 1, and divided by its deviation twice."""
    config = hf.EfficientNetConfig(
        **with_labels(),
        image_size=32,
        width_coefficient=0.125,
        depth_coefficient=1.0,
        depth_divisor=4,
        in_channels=[32, 16, 24],
        out_channels=[16, 24, 40],
        kernel_sizes=[3, 3, 5],
        strides=[1, 2, 2],
        num_block_repeats=[1, 1, 1],
        expand_ratios=[1, 2, 2],
        depthwise_padding=[],
        hidden_dim=160,
    )
    processor = hf.EfficientNetImageProcessor(
        size=_square(32),
        rescale_factor=1 / 127.5,
        rescale_offset=True,
        image_mean=[0.01, 0.02, 0.03],
        image_std=[0.47853944, 0.4732864, 0.47434163],
    )
    model = hf.EfficientNetForImageClassification(config)
    return _family(model, processor, louder=("conv", 1.5))


def convnext() -> Family:
    """ConvNeXt: the shorter edge resized to 32 / 0.875, and cropped."""
    config = hf.ConvNextConfig(
        **with_labels(), image_size=32, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1]
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875, resample=3)
    model = hf.ConvNextForImageClassification(config)
    return _family(model, processor)


def convnext_v2() -> Family:
    """ConvNeXt V2: the shorter edge resized, and cropped to a square."""
    config = hf.ConvNextV2Config(
        **with_labels(), image_size=32, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1]
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=1.0)
    model = hf.ConvNextV2ForImageClassification(config)
    return _family(model, processor)


def resnet() -> Family:
    """ResNet, with ConvNeXt's preprocessing."""
    config = hf.ResNetConfig(
        **with_labels(),
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        layer_type="basic",
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 30}, crop_pct=0.875, resample=3)
    model = hf.ResNetForImageClassification(config)
    return _family(model, processor)


def regnet() -> Family:
    """RegNet, with the same."""
    config = hf.RegNetConfig(
        **with_labels(),
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        groups_width=4,
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 33}, crop_pct=0.95)
    model = hf.RegNetForImageClassification(config)
    return _family(model, processor, louder=("conv", 1.5))


def van() -> Family:
    """VAN, with the same; optimum does not know it."""
    config = hf.VanConfig(
        **with_labels(),
        image_size=32,
        hidden_sizes=[8, 8, 4, 4],
        depths=[1, 1, 1, 1],
        mlp_ratios=[1, 1, 1, 1],
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.9, resample=3)
    _tell_optimum("van")
    return _family(hf.VanForImageClassification(config), processor)


def swin() -> Family:
    """Swin: ViT's preprocessing, bicubic and with ImageNet's colours."""
    config = hf.SwinConfig(**with_labels(), **_windows())
    return _family(hf.SwinForImageClassification(config), _vit())


def swin_v2() -> Family:
    """Swin V2: the same."""
    config = hf.Swinv2Config(**with_labels(), **_windows())
    return _family(hf.Swinv2ForImageClassification(config), _vit())


def vit_msn() -> Family:
    """ViT-MSN: ViT's preprocessing."""
    config = hf.ViTMSNConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    return _family(hf.ViTMSNForImageClassification(config), _vit())


def siglip() -> Family:
    """SigLIP's tower for pictures; optimum exports it only with the one for texts."""
    vision, text = _towers()
    config = hf.SiglipConfig(vision_config=vision, text_config=text, **with_labels())
    processor = hf.SiglipImageProcessor(size=_square(64))
    model = hf.SiglipForImageClassification(config)
    _tell_optimum("siglip")
    return _family(model, processor)


def clip() -> Family:
    """CLIP's tower for pictures: the shorter edge resized, and cropped."""
    vision, text = _towers()
    config = hf.CLIPConfig(vision_config=vision, text_config=text, **with_labels())
    processor = hf.CLIPImageProcessor(**_cropped(64, 64))
    model = hf.CLIPForImageClassification(config)
    return _family(model, processor)


def segformer() -> Family:
    """SegFormer's encoder as a classifier."""
    config = hf.SegformerConfig(
        **with_labels(),
        image_size=32,
        num_encoder_blocks=2,
        depths=[1, 1],
        hidden_sizes=[8, 12],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        sr_ratios=[4, 1],
    )
    processor = hf.SegformerImageProcessor(size={"height": 32, "width": 48})
    model = hf.SegformerForImageClassification(config)
    return _family(model, processor)


def beit() -> Family:
    """BEiT: resized to a square, and cropped."""
    config = hf.BeitConfig(
        **transformer(),
        **with_labels(),
        image_size=32,
        patch_size=8,
        use_absolute_position_embeddings=True,
    )
    return _family(hf.BeitForImageClassification(config), _beit())


def data2vec_vision() -> Family:
    """Data2Vec: the same."""
    config = hf.Data2VecVisionConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    model = hf.Data2VecVisionForImageClassification(config)
    return _family(model, _beit())


def dinov2() -> Family:
    """DINOv2: smaller pictures than it was trained with."""
    config = hf.Dinov2Config(
        **with_labels(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        mlp_ratio=1,
        image_size=42,
        patch_size=7,
    )
    processor = hf.BitImageProcessor(**_cropped(33, 28))
    model = hf.Dinov2ForImageClassification(config)
    return _family(model, processor)


def mobilevit() -> Family:
    """MobileViT: not normalised, and blue first."""
    config = hf.MobileViTConfig(
        **with_labels(),
        image_size=32,
        hidden_sizes=[8, 8, 8],
        neck_hidden_sizes=[4, 4, 4, 4, 4, 4, 8],
        num_attention_heads=2,
        mlp_ratio=1.0,
        expand_ratio=1.0,
    )
    processor = hf.MobileViTImageProcessor(**_cropped(36, 32))
    model = hf.MobileViTForImageClassification(config)
    model.mobilevit.encoder.layer = model.mobilevit.encoder.layer[:3]  # of 5
    return _family(model, processor, louder=("conv", 1.4))


def levit() -> Family:
    """LeViT with its teacher's head: the shorter edge resized to 256 / 224 of what is said."""
    config = hf.LevitConfig(
        **with_labels(),
        image_size=32,
        hidden_sizes=[8, 8, 8],
        num_attention_heads=[2, 2, 2],
        key_dim=[2, 2, 2],
        depths=[1, 1, 1],
        mlp_ratio=[1, 1, 1],
        attention_ratio=[1, 1, 1],
    )
    processor = hf.LevitImageProcessor(**_cropped(32, 32))
    model = hf.LevitForImageClassificationWithTeacher(config)
    model.levit.encoder.stages = model.levit.encoder.stages[:2]  # of 3
    return _family(model, processor)


def poolformer() -> Family:
    """PoolFormer: the shorter edge resized to 32 / 0.9, and cropped."""
    config = hf.PoolFormerConfig(
        **with_labels(), hidden_sizes=[8, 8, 12, 16], depths=[1, 1, 1, 1], mlp_ratio=1.5
    )
    processor = hf.PoolFormerImageProcessor(**_cropped(32, 32))
    model = hf.PoolFormerForImageClassification(config)
    return _family(model, processor)


def _family(model: Any, processor: Any, louder: tuple[str, float] | None = None) -> Family:
    return Family("image-classification", model, processor, photo(), louder=louder)


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def _cropped(edge: int, side: int) -> dict[str, Any]:
    """The shorter edge resized, and a square cut out."""
    return {"size": {"shortest_edge": edge}, "crop_size": _square(side)}


def _towers() -> tuple[dict[str, Any], dict[str, Any]]:
    size = {**transformer(), "hidden_size": 16, "intermediate_size": 24}
    return {**size, "image_size": 64, "patch_size": 16}, {**size, "vocab_size": 8}


def _windows() -> dict[str, Any]:
    return {
        "image_size": 32,
        "patch_size": 4,
        "embed_dim": 16,
        "depths": [1],
        "num_heads": [2],
        "window_size": 4,
        "mlp_ratio": 1.5,
    }


def _vit() -> Any:
    return hf.ViTImageProcessor(
        size=_square(32),
        resample=3,
        image_mean=IMAGENET_DEFAULT_MEAN,
        image_std=IMAGENET_DEFAULT_STD,
    )


def _beit() -> Any:
    return hf.BeitImageProcessor(size=_square(36), crop_size=_square(32))


def _tell_optimum(model_type: str) -> None:
    """How a family is exported that optimum has no classifier of: as ViT."""
    register_tasks_manager_onnx(model_type, "image-classification")(ViTOnnxConfig)
