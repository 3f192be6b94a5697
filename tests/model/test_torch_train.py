"""Reference models: fresh weights, the same architecture, as good a fit; nothing of the original stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hauberk.core.errors import InputError, UnsupportedError
from hauberk.model.torch_module import TorchModel, from_torch, open_torchscript
from hauberk.model.torch_train import mean_loss, set_back


class WithToken(nn.Module):
    """A learned parameter that no layer owns, as in a vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(4) * 3 + 7)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(torch.cat([x, self.token.expand(len(x), 4)], dim=1))


@pytest.fixture(scope="module")
def target(blobs: Any) -> TorchModel:
    torch.manual_seed(0)
    module, x, y = WithToken(), torch.from_numpy(blobs[0]).float(), torch.from_numpy(blobs[1])
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.nll_loss(torch.log(module(x)), y).backward()
        optimiser.step()
    return from_torch(module, (4,))


def test_a_reference_fits_as_well_as_the_original(target: TorchModel, blobs: Any) -> None:
    x, y = blobs
    before = target.predict(x)
    fresh = target.refit(x[:200], y[:200], seed=1)
    inputs, labels = torch.from_numpy(x[:200]).float(), torch.from_numpy(y[:200])
    goal = mean_loss(target.module(), inputs, labels, 64)
    assert mean_loss(fresh.module(), inputs, labels, 64) <= goal
    assert np.array_equal(target.predict(x), before)
    assert (fresh.predict(x[200:]).argmax(1) == y[200:]).mean() > 0.6
    assert not any(p.requires_grad for p in fresh.module().parameters())
    assert not fresh.module().inner.training


def test_a_seed_is_a_model_and_the_global_state_stays(target: TorchModel, blobs: Any) -> None:
    x, y = blobs
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (target.refit(x[:60], y[:60], seed).predict(x) for seed in (1, 1, 2))
    assert torch.rand(1) == expected
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_nothing_that_was_learned_stays(target: TorchModel) -> None:
    import copy

    inner = copy.deepcopy(target.module().inner)
    old = {name: value.clone() for name, value in inner.state_dict().items()}
    set_back(inner)
    kept = [name for name, value in inner.state_dict().items() if torch.equal(value, old[name])]
    assert kept == []
    assert abs(float(inner.token.mean()) - 7) < 6


def test_what_cannot_be_trained_again(target: TorchModel, blobs: Any) -> None:
    import io

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(4, 3)), buffer)
    scripted = open_torchscript(buffer.getvalue(), (4,), name="m")
    assert target.refittable
    assert not scripted.refittable
    with pytest.raises(UnsupportedError, match="cannot be trained again"):
        scripted.refit(*blobs, seed=0)
    for y in (blobs[1] + 1, blobs[1][:5], blobs[1] * 1.0, blobs[1] - 1):
        with pytest.raises(InputError, match="labels do not fit"):
            target.refit(blobs[0], y, seed=0)
