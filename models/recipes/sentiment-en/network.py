"""The network: MiniLM, and a layer of two outputs over the mean of its states.

ids (batch, n_tokens) -> embeddings, positions -> transformer layers -> mean -> logits (batch, 2)
"""

import torch
from published import D_MODEL, N_HEADS, NORM_EPSILON, WIDTH
from torch import Tensor, nn

from earlet_quantize.networks.modules import Weights

DROPOUT = 0.1


class Sentiment(nn.Module):
    """Token ids to the logits of `data.LABELS`. The embedding is not trained."""

    embedding: Tensor

    def __init__(self, n_pieces: int, n_positions: int, n_layers: int) -> None:
        super().__init__()
        self.register_buffer("embedding", torch.zeros(n_pieces, D_MODEL))
        self.positions = nn.Parameter(torch.zeros(n_positions, D_MODEL))
        self.norm = nn.LayerNorm(D_MODEL, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.ModuleList(_layer() for _ in range(n_layers))
        self.head = nn.Linear(D_MODEL, 2)
        nn.init.zeros_(self.head.weight)  # the same in every training: their mean is taken
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(batch, n_tokens) int64, and bool, False where a shorter text has no token."""
        x = self.embedding[ids] + self.positions[: ids.shape[1]]
        x = self.dropout(self.norm(x))
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        weights = mask / mask.sum(dim=1, keepdim=True)
        mean = (weights.to(x.dtype)[:, None] @ x)[:, 0]
        logits: Tensor = self.head(self.dropout(mean))
        return logits


def _layer() -> nn.Module:
    """BERT's: norms after the sums, and the exact GELU."""
    return nn.TransformerEncoderLayer(
        D_MODEL,
        N_HEADS,
        WIDTH,
        DROPOUT,
        activation="gelu",
        layer_norm_eps=NORM_EPSILON,
        batch_first=True,
    )


def load(weights: Weights) -> Sentiment:
    """The network with these weights; those of the head may be missing, and are 0 then."""
    n_layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    network = Sentiment(len(weights["embedding"]), len(weights["positions"]), n_layers)
    state = {name: torch.tensor(array) for name, array in weights.items()}
    head = {name: value for name, value in network.state_dict().items() if name[:5] == "head."}
    network.load_state_dict({**head, **state})
    return network
