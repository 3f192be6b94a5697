"""Builders of models whose robustness is known in closed form, and of what a check is given."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hauberk.attack.threat import Space
from hauberk.core.nouns import Subject
from hauberk.core.ports import Inputs
from hauberk.model.callable import from_callable
from hauberk.model.dataset import Dataset

ZEROS = "sha256:" + "0" * 64


class Linear:
    """A linear classifier: logits x W^T + b, and its closed-form distances to the decision boundary."""

    def __init__(self, classes: int, shape: tuple[int, ...], seed: int) -> None:
        random = np.random.default_rng(seed)
        self.shape, self.classes = shape, classes
        self.w = random.standard_normal((classes, int(np.prod(shape)))).astype(np.float32)
        self.b = -self.w @ np.full(self.w.shape[1], 0.5, np.float32)

    def logits(self, x: Any) -> Any:
        return np.asarray(x, np.float32).reshape(len(x), -1) @ self.w.T + self.b

    def probabilities(self, x: Any) -> Any:
        z = self.logits(x).astype(np.float64)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def examples(self, n: int, seed: int) -> tuple[Any, Any]:
        """Points in the middle of the box, so that the box does not cut the ball, and the model's own labels."""
        x = np.random.default_rng(seed).uniform(0.4, 0.6, (n, *self.shape)).astype(np.float32)
        return x, self.logits(x).argmax(axis=1)

    def distance(self, x: Any, y: Any, norm: str) -> Any:
        """min over other classes of margin / dual norm of the weight difference."""
        z, rows = self.logits(x).astype(np.float64), np.arange(len(x))
        gaps = z[rows, y][:, None] - z
        difference = self.w[y][:, None] - self.w[None]
        dual = np.abs(difference).sum(-1) if norm == "linf" else np.sqrt((difference**2).sum(-1))
        with np.errstate(invalid="ignore", divide="ignore"):
            out = gaps / dual
        out[rows, y] = np.inf
        return out.min(axis=1)

    def module(self) -> Any:
        import torch

        layer = torch.nn.Linear(self.w.shape[1], self.classes)
        layer.load_state_dict({"weight": torch.tensor(self.w), "bias": torch.tensor(self.b)})
        return torch.nn.Sequential(torch.nn.Flatten(), layer)

    def model(self, **options: Any) -> Any:
        return from_callable(self.probabilities, self.shape, self.classes, bounds=(0.0, 1.0), **options)

    @property
    def space(self) -> Space:
        return Space(np.zeros(self.shape), np.ones(self.shape), np.ones(self.shape))


class Differentiable:
    """A model with a torch module beside it."""

    def __init__(self, model: Any, module: Any) -> None:
        self._model, self._module = model, module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def module(self) -> Any:
        return self._module


@pytest.fixture(scope="session")
def build() -> Any:
    """The builders, by name."""
    return SimpleNamespace(linear=Linear, differentiable=Differentiable, inputs=_inputs)


def _inputs(model: Any, x: Any, y: Any, features: Any = (), **options: Any) -> Inputs:
    classes = tuple(f"class {k}" for k in range(model.n_classes))
    data = Dataset("test", x, np.asarray(y), classes, features)
    subjects = {"model": Subject("model", "m", ZEROS), "test": Subject("dataset", "t", data.digest)}
    return Inputs(model=model, test=data, subjects=subjects, options=options)


@pytest.fixture(scope="session")
def from_torch() -> Callable[..., Any]:
    """A torch module as a Model with gradients."""

    def wrap(module: Any, shape: tuple[int, ...], classes: int, bounds: tuple[float, float] = (0.0, 1.0)) -> Any:
        import torch

        def answer(x: Any) -> Any:
            with torch.no_grad():
                return module(torch.tensor(np.asarray(x, np.float32))).double().softmax(1).numpy()

        return Differentiable(from_callable(answer, shape, classes, bounds=bounds, answers="probabilities"), module)

    return wrap
