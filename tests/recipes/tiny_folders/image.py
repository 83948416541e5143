"""Pictures: transformers and convolution nets, each with a preprocessing of its own."""

import transformers as hf

from tests.recipes.tiny_folders.family import Family, photo, transformer, with_labels


def vit() -> Family:
    """ViT: resized to a square."""
    config = hf.ViTConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    processor = hf.ViTImageProcessor(size={"height": 32, "width": 32})
    return Family("image-classification", hf.ViTForImageClassification(config), processor, photo())


def deit() -> Family:
    """DeiT with its teacher's head: resized to a square, and cropped."""
    config = hf.DeiTConfig(**transformer(), **with_labels(), image_size=32, patch_size=8)
    processor = hf.DeiTImageProcessor(
        size={"height": 36, "width": 36}, crop_size={"height": 32, "width": 32}
    )
    model = hf.DeiTForImageClassificationWithTeacher(config)
    return Family("image-classification", model, processor, photo())


def mobilenet_v1() -> Family:
    """MobileNet: the shorter edge resized, and cropped."""
    config = hf.MobileNetV1Config(
        **with_labels(), image_size=32, depth_multiplier=0.05, min_depth=4
    )
    processor = hf.MobileNetV1ImageProcessor(
        size={"shortest_edge": 37}, crop_size={"height": 32, "width": 32}
    )
    model = hf.MobileNetV1ForImageClassification(config)
    return Family("image-classification", model, processor, photo(), louder=("convolution", 1.8))


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
    processor = hf.MobileNetV2ImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}, resample=3
    )
    model = hf.MobileNetV2ForImageClassification(config)
    return Family("image-classification", model, processor, photo(), louder=("convolution", 1.5))


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
        size={"height": 32, "width": 32},
        rescale_factor=1 / 127.5,
        rescale_offset=True,
        image_mean=[0.01, 0.02, 0.03],
        image_std=[0.47853944, 0.4732864, 0.47434163],
    )
    model = hf.EfficientNetForImageClassification(config)
    return Family("image-classification", model, processor, photo(), louder=("conv", 1.5))


def convnext() -> Family:
    """ConvNeXt: the shorter edge resized to 32 / 0.875, and cropped."""
    config = hf.ConvNextConfig(
        **with_labels(), image_size=32, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1]
    )
    processor = hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875, resample=3)
    model = hf.ConvNextForImageClassification(config)
    return Family("image-classification", model, processor, photo())
