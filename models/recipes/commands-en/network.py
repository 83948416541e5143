"""The network: a small temporal convolution net without padding.

    log-mel frames (batch, n_frames, 40) -> logits (batch, n_outputs, 10), one each 2 frames

Without padding a window of `WINDOW_FRAMES` gives exactly one answer, and a whole stream gives the
same answers as its windows one by one. So it learns on streams and runs on windows.
"""

import torch
from data import FRONT_END, LABELS
from torch import Tensor, nn

CHANNELS = 96
KERNEL = 5
DILATIONS = (1, 1, 2, 2, 2)
STRIDE = 2  # frames from one output to the next: 40 ms
DROPOUT = 0.15
WINDOW_FRAMES = KERNEL + STRIDE * (KERNEL - 1) * sum(DILATIONS)  # 69 frames: 1.39 s of sound


class Block(nn.Module):
    """A dilated convolution and a pointwise one, with the input's newer end added back."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.lost = (kernel - 1) * dilation
        self.body = nn.Sequential(
            nn.Conv1d(channels, channels, kernel, dilation=dilation, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 1, bias=False),
            nn.BatchNorm1d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, n) -> (batch, channels, n - lost)."""
        return torch.relu(self.body(x) + x[:, :, self.lost :])


class Spotter(nn.Module):
    """Log-mel frames to one row of logits each `STRIDE` frames."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(FRONT_END.n_mels, CHANNELS, KERNEL, stride=STRIDE, bias=False),
            nn.BatchNorm1d(CHANNELS),
            nn.ReLU(),
            *(Block(CHANNELS, KERNEL, dilation) for dilation in DILATIONS),
            nn.Dropout(DROPOUT),
            nn.Conv1d(CHANNELS, len(LABELS), 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(batch, n_frames, n_mels) -> (batch, n_outputs, n_labels)."""
        logits: Tensor = self.layers(features.transpose(1, 2))
        return logits.transpose(1, 2)


def n_outputs(n_frames: int) -> int:
    """How many rows of logits a stream of `n_frames` gives."""
    return max(0, (n_frames - WINDOW_FRAMES) // STRIDE + 1)
