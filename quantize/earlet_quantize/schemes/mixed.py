"""Which layers a mixed scheme leaves in float: those that add the most noise, ever more of them.

    noise of each layer, layers that are float already -> layers that are float next

One layer first, then as many more as there are already: 1, 2, 4, 8 .. So a network of a hundred
layers is measured eight times at most, and has at most twice the float layers that it needs.
"""

from collections.abc import Collection, Mapping, Sequence

from earlet_quantize.measure.results import LayerNoise

MAX_SHARE = 0.5  # of the layers; beyond, the network is float with a little int8

Layers = Mapping[str, Collection[str]]  # names of nodes, by the role of their network


def more(noise: Sequence[LayerNoise], float_layers: Layers) -> Layers | None:
    """The next set of layers to leave in float; None when that would be too many.

    Layers that add none are taken last, those with the least signal to noise first.
    """
    left = [(role, name) for role, names in float_layers.items() for name in names]
    candidates = [layer for layer in noise if (layer.role, layer.name) not in left]
    worst = sorted(candidates, key=lambda layer: (-layer.added, layer.snr_db))
    left += [(layer.role, layer.name) for layer in worst[: max(1, len(left))]]
    if not worst or len(left) > MAX_SHARE * len(noise):
        return None
    return {role: [name for r, name in left if r == role] for role, _ in left}
