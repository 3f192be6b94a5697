"""What all adapters share: the input is checked, the meter runs, batches are cut, the answer is normalised.

An adapter says how one batch is answered (`_answer`), and, where it can, gives a gradient or trains again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import HauberkError, InputError, UnsupportedError

from .meter import QueryMeter
from .probabilities import Reader, Reading

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints, Model

Bounds = tuple[float, float] | None


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives: examples of `shape` within `bounds`, `n_classes` classes.

    bounds: of any input element; None where columns have their own.
    """

    name: str
    shape: tuple[int, ...]
    n_classes: int
    bounds: Bounds = None

    def __post_init__(self) -> None:
        if not all(isinstance(side, int) and side > 0 for side in self.shape):
            raise InputError(f"{self.name}: input shape {self.shape} has a side that is not a positive integer")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise InputError(f"{self.name}: bounds {self.bounds} are not (low, high) with low < high")


class Adapter(ABC):
    """Base of the adapters: everything of `core.ports.Model` but the answer to one batch.

    batch: most examples in one call of the model. reading: how answers are read; None to look at the first.
    """

    def __init__(
        self, signature: Signature, meter: QueryMeter | None = None,
        *, batch: int = 1024, reading: Reading | str | None = None,
    ) -> None:  # fmt: skip
        self.signature, self.meter, self._batch = signature, meter or QueryMeter(), batch
        self.reader = Reader(signature.name, signature.n_classes, reading)

    @property
    def name(self) -> str:
        """How messages call the model."""
        return self.signature.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.signature.shape

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.signature.n_classes

    @property
    def bounds(self) -> Bounds:
        """Smallest and largest value of an input element, or None."""
        return self.signature.bounds

    @property
    def queries(self) -> int:
        """Examples shown so far."""
        return self.meter.queries

    @property
    def label_only(self) -> bool:
        """Whether `predict` answers one-hot labels. Before the first answer this costs one query."""
        if self.reader.reading is not None:
            return self.reader.reading.label_only
        return self.reader.looks_label_only(self._ask(self._middle()), 1)

    @property
    def refittable(self) -> bool:
        """Whether `refit` can train a fresh model of the same family."""
        return False

    def predict(self, x: Floats) -> Floats:
        """x: (n, *shape) -> (n, n_classes) float64 probabilities, rows sum to 1. Costs n queries.

        Raises InputError when x has another shape or the answer cannot be read, LimitExceeded before the
        query budget would be passed.
        """
        x = self._checked(x)
        self._admit(len(x))
        parts = [self._read(x[at : at + self._batch]) for at in range(0, len(x), self._batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.n_classes))

    def module(self) -> Any:
        """Raises UnsupportedError: this kind of model gives no gradient."""
        raise UnsupportedError(f"{self.name}: {type(self).__name__} gives no gradient")

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """Raises UnsupportedError: this kind of model cannot be trained again."""
        raise UnsupportedError(f"{self.name}: {type(self).__name__} cannot be trained again")

    @abstractmethod
    def _answer(self, x: Floats) -> Any:
        """The raw answer to one batch: scores (n, k), one column, or labels (n,)."""

    def _admit(self, n: int) -> None:
        self.meter.spend(n)

    def _read(self, x: Floats) -> Floats:
        return self.reader.read(self._guarded(x), len(x))

    def _ask(self, x: Floats) -> Any:
        self._admit(len(x))
        return self._guarded(x)

    def _guarded(self, x: Floats) -> Any:
        try:
            return self._answer(x)
        except HauberkError:
            raise
        except Exception as error:  # a stranger's model may raise anything; it becomes one kind of error
            raise InputError(f"{self.name}: the model raised {type(error).__name__}: {error}") from error

    def _middle(self) -> Floats:
        low, high = self.bounds or (0.0, 0.0)
        return np.full((1, *self.shape), (low + high) / 2, dtype=np.float32)

    def _checked(self, x: Floats) -> Floats:
        array = np.asarray(x)
        if array.ndim == 0 or array.shape[1:] != self.shape:
            raise InputError(
                f"{self.name}: expected examples of shape {self.shape}, got {array.shape[1:]}",
                hint="give data of the shape that the model was trained on",
            )
        return array if array.dtype.kind == "f" else array.astype(np.float32)

    def _fitting(self, x: Floats, y: Ints) -> Floats:
        """x, when x and y can be trained on: InputError otherwise."""
        x, y = self._checked(x), np.asarray(y)
        whole = y.dtype.kind in "iu" and y.shape == (len(x),) and len(x) > 0
        if not whole or not 0 <= int(y.min()) <= int(y.max()) < self.n_classes:
            raise InputError(f"{self.name}: labels do not fit {len(x)} examples of {self.n_classes} classes")
        return x
