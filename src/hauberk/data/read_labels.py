"""Labels of any kind to codes 0..k-1 with their names, or a clear refusal.

>>> import numpy as np
>>> encode(np.array(["spam", "ham", "spam"]), "mail.csv")
(array([1, 0, 1]), ('ham', 'spam'))
>>> encode(np.array([0, 2, 1]), "digits.npz")[1]
('0', '1', '2')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from hauberk.core.ports import Ints

MAX_CLASSES = 100_000  # ImageNet-21k has 21,841; beyond this a column of ids was taken for labels


def encode(values: Any, where: str, names: Sequence[str] = ()) -> tuple[Ints, tuple[str, ...]]:
    """(n,) labels -> codes and class names.

    Text is sorted; true and false become 1 and 0; whole numbers >= 0 stay as they are, and the classes are
    0 … the largest (or `names`). Raises InputError for all else, and when there are fewer than two classes.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = "give argmax of one-hot labels" if labels.ndim == 2 else ""
        raise InputError(f"{where}: labels have shape {labels.shape}, expected one for each example", hint=hint)
    if not len(labels):
        raise InputError(f"{where}: there are no examples")
    kind = labels.dtype.kind
    if kind in "US":
        classes, codes = np.unique(labels, return_inverse=True)
        return _checked(codes, tuple(_text(c) for c in classes), where)
    if kind == "b":
        return _checked(labels.astype(np.int64), tuple(names) or ("false", "true"), where)
    if kind not in "iuf":
        raise InputError(f"{where}: labels are {labels.dtype}", hint="labels are whole numbers 0 … k-1, or text")
    return _numbers(labels, where, names)


def _numbers(labels: Any, where: str, names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    if not np.isfinite(labels).all():
        raise InputError(f"{where}: labels have NaN or infinite values", hint="drop the unlabelled examples")
    if (labels != np.round(labels)).any():
        odd = labels[labels != np.round(labels)][0]
        raise InputError(
            f"{where}: label {odd:g} is not a whole number", hint="a classifier's labels are 0 … k-1, or text"
        )
    if labels.min() < 0:
        raise InputError(
            f"{where}: label {int(labels.min())} is negative", hint="number the classes 0 … k-1, or name them"
        )
    top = int(labels.max())
    if top >= MAX_CLASSES or (names and top >= len(names)):
        raise InputError(f"{where}: label {top}, expected at most {len(names or range(MAX_CLASSES)) - 1}")
    return _checked(labels.astype(np.int64), tuple(names) or tuple(str(k) for k in range(top + 1)), where)


def _checked(codes: Any, classes: tuple[str, ...], where: str) -> tuple[Ints, tuple[str, ...]]:
    used = np.unique(codes)
    if len(used) < 2:
        raise InputError(
            f"{where}: every example has the label {classes[int(used[0])]!r}",
            hint="give examples of at least two classes",
        )
    return codes, classes


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
