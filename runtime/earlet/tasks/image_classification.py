"""image-classification: what is in a picture."""

from typing import overload

import numpy as np

from earlet.arrays import ByteArray, FloatArray
from earlet.bundle import Bundle
from earlet.decoding.classify import FunctionToApply, scores, top
from earlet.errors import BundleError
from earlet.features import image
from earlet.image.file import Source, as_image, load
from earlet.results import Classification
from earlet.tasks.batch import each
from earlet.tasks.labels import ClassifierOutput, read_labels
from earlet.tasks.trace import Trace


class ImageClassification:
    """What `earlet.pipeline("image-classification")` returns."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError when labels, features and network do not fit together."""
        self.bundle = bundle
        self.output = bundle.section("output", ClassifierOutput)
        self._features = image.from_manifest(bundle.manifest.input, bundle.where("input"))
        self._session = bundle.open_session(
            "network", threads, inputs={"features": 4}, outputs={"logits": 2}
        )
        given, taken = (1, *self._features.shape), self._session.inputs[0].shape
        if any(size not in (None, ours) for ours, size in zip(given, taken, strict=True)):
            raise BundleError(
                f"{bundle.where('input')}: gives features of {given}, and the network takes {taken}"
            )
        self.labels = read_labels(bundle, self._session.outputs[0].shape[-1])

    @overload
    def __call__(
        self,
        inputs: Source,
        *,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        inputs: list[Source],
        *,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[list[Classification]]: ...
    def __call__(
        self,
        inputs: Source | list[Source],
        *,
        top_k: int | None = 5,
        function_to_apply: FunctionToApply | None = None,
    ) -> list[Classification] | list[list[Classification]]:
        """The labels of a picture, best first.

        Args:
            inputs: a path, a data URL, the bytes of a picture's file, a file object, a PIL image,
                or an array of uint8, (height, width, 3) or (height, width); a list of these gives
                a list of results.
            top_k: how many labels at most; None gives all.
            function_to_apply: makes scores of the network's outputs; None takes the bundle's own.

        Raises:
            InputError: when the picture cannot be used.
        """
        function = self.output.function(function_to_apply, top_k)

        def answer(item: Source) -> list[Classification]:
            logits = self.network(self._features(load(item)))
            return top(scores(logits, function), self.labels, top_k)

        return each(inputs, answer) if isinstance(inputs, list) else answer(inputs)

    def network(self, features: FloatArray) -> FloatArray:
        """Features -> logits (n_labels,)."""
        (logits,) = self._session.run({"features": features[None]})
        return np.asarray(logits[0], dtype=np.float32)

    def trace(self, pixels: ByteArray) -> Trace:
        """Each stage of a picture, (height, width, 3): features, logits, the best label."""
        features = self._features(as_image(pixels))
        logits = self.network(features)
        return Trace(features, logits, self.labels[int(logits.argmax())])
