"""What a model answers, read as probabilities: the one normaliser of all adapters.

The first answer decides how answers are read, and that stays: an answer that does not fit is an InputError.

>>> import numpy as np
>>> reader = Reader("model", 3)
>>> reader.read(np.array([2, 0]), 2).tolist()
[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
>>> reader.reading
<Reading.LABELS: 'labels'>
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

SUM_TOLERANCE = 1e-3  # float16 probabilities of 1,000 classes sum to 1 within this
HINT = "say how the model answers: probabilities, logits, labels, onehot, positive (one column) or margin"


class Reading(StrEnum):
    """How answers are read. positive, margin: one column, the probability or the logit of class 1."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    LABELS = "labels"
    ONEHOT = "onehot"
    POSITIVE = "positive"
    MARGIN = "margin"

    @property
    def label_only(self) -> bool:
        """Whether there are no scores to read."""
        return self in (Reading.LABELS, Reading.ONEHOT)


def softmax(logits: Floats) -> Floats:
    """Stable softmax over the last axis, in float64. logits: (n, k), finite."""
    scores = np.asarray(logits, dtype=np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def two_columns(positive: Floats) -> Floats:
    """(n,) probabilities of class 1 -> (n, 2)."""
    return np.stack([1.0 - positive, positive], axis=1)


def onehot(labels: Any, n_classes: int) -> Floats:
    """(n,) integer labels 0..k-1 -> (n, k) one-hot rows."""
    return np.asarray(np.eye(n_classes)[labels])


def sums_to_one(answer: Any) -> bool:
    """Whether every row of (n, k) lies in [0, 1] and sums to 1."""
    inside = (answer >= -SUM_TOLERANCE).all() and (answer <= 1 + SUM_TOLERANCE).all()
    return bool(inside and (np.abs(answer.sum(axis=1, dtype=np.float64) - 1) <= SUM_TOLERANCE).all())


def decide(answer: Any, n_classes: int) -> Reading:
    """How an answer of the right shape is to be read, by looking at it.

    Integers in one column are labels, 0/1 integer rows with one 1 are one-hot labels. Floats in one column
    are P(class 1) when all lie in [0, 1], otherwise its logit; float labels of more than two classes are labels.
    Rows in [0, 1] that sum to 1 are probabilities, all others are logits.
    """
    whole = answer.dtype.kind in "iub"
    if answer.ndim == 1:
        if whole or (n_classes > 2 and (answer == np.round(answer)).all()):
            return Reading.LABELS
        return Reading.POSITIVE if (answer >= 0).all() and (answer <= 1).all() else Reading.MARGIN
    if sums_to_one(answer):
        return Reading.ONEHOT if whole else Reading.PROBABILITIES
    return Reading.LOGITS


class Reader:
    """Turns a model's raw answers into (n, n_classes) float64 probabilities.

    reading: how to read answers; None to decide on the first one.
    """

    def __init__(self, name: str, n_classes: int, reading: Reading | str | None = None) -> None:
        if n_classes < 2:
            raise InputError(f"{name}: a classifier has at least 2 classes, got {n_classes}")
        self.name, self.n_classes = name, n_classes
        self.reading = None if reading is None else _known(reading)

    def read(self, answer: Any, n: int) -> Floats:
        """The probabilities in the answer for n examples: (n, n_classes) float64, rows sum to 1.

        Raises InputError when the answer is not numbers, not finite, of another shape, or not what
        earlier answers were.
        """
        array = self._array(answer, n)
        if self.reading is None:
            self.reading = decide(array, self.n_classes)
        return self._convert(array, self.reading)

    def looks_label_only(self, answer: Any, n: int) -> bool:
        """Whether this answer carries labels only. Decides nothing for later."""
        return decide(self._array(answer, n), self.n_classes).label_only

    def _array(self, answer: Any, n: int) -> Any:
        array = _numbers(answer, self.name)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.shape not in ((n,), (n, self.n_classes)):
            raise InputError(
                f"{self.name}: answered an array of shape {array.shape} to {n} examples, "
                f"expected ({n}, {self.n_classes}) scores or ({n},) labels",
                hint="give the number of classes, or the model whose answers fit the data",
            )
        if not np.isfinite(array).all():
            raise InputError(f"{self.name}: answered NaN or infinity")
        return array

    def _convert(self, array: Any, reading: Reading) -> Floats:
        columns = 1 if reading in (Reading.LABELS, Reading.POSITIVE, Reading.MARGIN) else 2
        if array.ndim != columns:
            raise self._unlike(f"an array of shape {array.shape}")
        if reading in (Reading.POSITIVE, Reading.MARGIN):
            return self._binary(array.astype(np.float64), reading)
        if reading is Reading.LABELS:
            return self._labels(array)
        if reading is Reading.LOGITS:
            return softmax(array)
        if not sums_to_one(array):
            raise self._unlike("rows outside [0, 1] or that do not sum to 1")
        rows = np.clip(array.astype(np.float64), 0.0, None)
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))

    def _binary(self, array: Any, reading: Reading) -> Floats:
        if self.n_classes != 2:
            raise InputError(f"{self.name}: answered one score an example for {self.n_classes} classes")
        if reading is Reading.MARGIN:
            return softmax(np.stack([np.zeros_like(array), array], axis=1))
        if (array < 0).any() or (array > 1).any():
            raise self._unlike(f"{array.min():g} … {array.max():g}")
        return two_columns(array)

    def _labels(self, array: Any) -> Floats:
        if (array != np.round(array)).any() or (array < 0).any() or (array >= self.n_classes).any():
            raise InputError(
                f"{self.name}: answered labels {array.min()} … {array.max()}, "
                f"expected integers 0 … {self.n_classes - 1}",
                hint="map the model's labels to 0 … k-1",
            )
        return onehot(array.astype(np.int64), self.n_classes)

    def _unlike(self, got: str) -> InputError:
        return InputError(f"{self.name}: answers were read as {self.reading}, now it answered {got}", hint=HINT)


def _known(reading: Reading | str) -> Reading:
    if reading not in set(Reading):
        raise InputError(f"{reading!r} is not a way to read answers", hint=HINT)
    return Reading(reading)


def _numbers(answer: Any, name: str) -> Any:
    try:
        array = np.asarray(answer)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: its answer is not an array: {error}", hint=HINT) from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name}: answered {array.dtype} values, expected numbers", hint=HINT)
    return array
