"""What a classifier's outputs are called, and how they become scores: the `output` section."""

from dataclasses import dataclass

from earlet.bundle import Bundle
from earlet.decoding.classify import FunctionToApply, check_parameters
from earlet.errors import BundleError
from earlet.schema import nearest


@dataclass(frozen=True, kw_only=True)
class ClassifierOutput:
    """The bundle's `output` section."""

    labels: str  # a file, one label a line in the order of the network's outputs
    rejection: str | None = None  # the label that says: none of the others
    function_to_apply: FunctionToApply = "softmax"  # makes scores of the network's outputs

    def function(self, asked: FunctionToApply | None, top_k: int | None) -> FunctionToApply:
        """What a caller asks for, or the bundle's own; told before the first input is read.

        Raises:
            InputError: for a function or a `top_k` that there cannot be.
        """
        function = self.function_to_apply if asked is None else asked
        check_parameters(function, top_k)
        return function


def read_labels(bundle: Bundle, n_outputs: int | None) -> tuple[str, ...]:
    """The labels of a bundle whose network has so many outputs; None where it does not tell.

    Raises:
        BundleError: when a label is empty, there are more or fewer than outputs, or `rejection` is
            none of them.
    """
    output = bundle.section("output", ClassifierOutput)
    name = output.labels
    labels = tuple(bundle.read_text(name).splitlines())
    # Labels may repeat: two of ImageNet's thousand are called crane.
    if not all(label.strip() for label in labels):
        raise BundleError(f"{bundle.path}/{name}: has an empty label")
    if n_outputs is not None and n_outputs != len(labels):
        raise BundleError(
            f"{bundle.path}: {len(labels)} labels, and the network has {n_outputs} outputs"
        )
    if output.rejection is not None and output.rejection not in labels:
        raise BundleError(
            f"{bundle.where('output')}.rejection: {output.rejection!r} is not a label"
            f"{nearest(output.rejection, labels)}"
        )
    return labels
