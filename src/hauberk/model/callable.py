"""Any Python callable as a model: it may return probabilities, logits or labels.

>>> import numpy as np
>>> model = from_callable(lambda x: (x.sum(axis=1) > 0).astype(int), shape=(2,), n_classes=2)
>>> model.predict(np.array([[1.0, 2.0], [-1.0, -2.0]])).tolist()
[[0.0, 1.0], [1.0, 0.0]]
>>> model.label_only, model.queries
(True, 2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hauberk.core.errors import UnsupportedError

from .adapter import Adapter, Bounds, Signature
from .meter import QueryMeter
from .probabilities import Reading

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints, Model

    Function = Callable[[Floats], Any]
    Trainer = Callable[[Floats, Ints, int], Function]


class CallableModel(Adapter):
    """A function of (n, *shape) arrays as a Model."""

    def __init__(
        self, function: Function, signature: Signature, meter: QueryMeter,
        *, batch: int, answers: Reading | str | None, trainer: Trainer | None,
    ) -> None:  # fmt: skip
        super().__init__(signature, meter, batch=batch, reading=answers)
        self._function, self._trainer = function, trainer

    @property
    def refittable(self) -> bool:
        """Whether a trainer was given."""
        return self._trainer is not None

    def _answer(self, x: Floats) -> Any:
        return self._function(x)

    def refit(self, x: Floats, y: Ints, seed: int) -> Model:
        """A fresh function from the `trainer` that was given. Raises UnsupportedError without one."""
        if self._trainer is None:
            raise UnsupportedError(f"{self.name}: no trainer was given", hint="pass trainer=fit(x, y, seed)")
        fresh = self._trainer(x, y, seed)
        return CallableModel(
            fresh, self.signature, QueryMeter(), batch=self._batch,
            answers=self.reader.reading, trainer=self._trainer,
        )  # fmt: skip


def from_callable(
    function: Function, shape: tuple[int, ...], n_classes: int, bounds: Bounds = None,
    *, name: str = "callable", answers: Reading | str | None = None, max_queries: int | None = None,
    batch: int = 1024, trainer: Trainer | None = None,
) -> Model:  # fmt: skip
    """A model from a function of (n, *shape) arrays.

    It returns probabilities or logits (n, n_classes), one column with the score of class 1, or labels (n,).
    answers: which of these (`model.probabilities.Reading`); by default the first answer decides, and an
    answer that does not fit later raises InputError. trainer: fit(x, y, seed) -> such a function, for `refit`.
    """
    signature = Signature(name, tuple(shape), n_classes, bounds)
    return CallableModel(function, signature, QueryMeter(max_queries), batch=batch, answers=answers, trainer=trainer)
