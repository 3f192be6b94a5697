"""What an attacker may do to a row of a table, and whether an adversarial row is one that can exist.

`project` makes a row valid; `violations` is the referee's independent look and shares no code with it.
A cell that is as it was is always valid, even where the original lies outside the bounds.

>>> import numpy as np
>>> from hauberk.core.features import Feature
>>> schema = (Feature("age", "integer", 18, 99), Feature("income", "numeric", 0, 1e6, immutable=True))
>>> x = np.array([[30.0, 2e4]])
>>> project(np.array([[17.4, 9e9]]), x, schema).tolist()
[[18.0, 20000.0]]
>>> violations(np.array([[17.4, 2e4]]), x, schema).tolist()
[[True, False]]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hauberk.core.errors import InputError
from hauberk.core.features import Features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hauberk.core.ports import Floats

Norm = Literal["linf", "l2", "l1", "l0"]


def project(x_adv: Floats, x: Floats, features: Features) -> Floats:
    """The nearest valid rows: x_adv, x are (n, columns); returns a new array of x_adv's dtype.

    In this order: bounds (or the original value, where that lies outside them and is nearer); integers and
    category codes rounded; each one-hot group set to its largest column, the original on a tie; immutable
    columns restored. A one-hot group with an immutable column that is 1 stays as it was.
    """
    _check(x_adv, x, features)
    frozen = np.array([f.immutable for f in features], dtype=bool)
    inside = _bounded(x_adv, x, features)
    whole = np.array([f.kind in ("integer", "categorical") for f in features], dtype=bool)
    out = np.where(whole & (inside != x), np.round(inside), inside).astype(x_adv.dtype)
    for columns in groups(features).values():
        shut = frozen[columns] | np.array([features[j].high < 1 for j in columns])
        out[:, columns] = _onehot(x_adv[:, columns], x[:, columns], shut, frozen[columns])
    out[:, frozen] = x[:, frozen]
    return np.asarray(out)


def violations(x_adv: Floats, x: Floats, features: Features) -> NDArray[np.bool_]:
    """Which cells of x_adv (n, columns) cannot be, given that the row was x. (n, columns) bool.

    A cell is wrong when it is not finite, or when it was changed and: is immutable, lies outside its bounds
    (as numbers of its dtype), or is no whole number where one must be. All columns of a one-hot
    group are wrong when the group was changed and is not exactly one 1 and else 0.
    """
    _check(x_adv, x, features)
    wrong = ~np.isfinite(x_adv)
    for j, feature in enumerate(features):
        new, old = x_adv[:, j], x[:, j]
        bad = np.zeros(len(new), dtype=bool)
        if feature.immutable:
            bad |= True
        bad |= ~((new >= feature.low) & (new <= feature.high))
        if feature.kind != "numeric":
            bad |= np.floor(new) != new
        wrong[:, j] |= bad & (new != old)
    for group in {f.group for f in features if f.kind == "onehot"}:
        mask = np.array([f.kind == "onehot" and f.group == group for f in features])
        new = x_adv[:, mask]
        one_hot = ((new == 0) | (new == 1)).all(axis=1) & ((new == 1).sum(axis=1) == 1)
        broken = ~one_hot & (new != x[:, mask]).any(axis=1)
        wrong[:, mask] |= broken[:, None]
    return np.asarray(wrong, dtype=bool)


def distance(x_adv: Floats, x: Floats, norm: Norm, features: Features | None = None) -> Floats:
    """How far x_adv is from x: (n,) float64.

    Without features: in the units of x. With features: every column in units of its width; a category code
    that changed counts 1 whatever the codes, a changed one-hot group counts 1 as a whole, a change of a
    column of width 0 is infinitely far. l0 counts the changed columns (a group is one).
    """
    change = np.abs(x_adv.astype(np.float64) - x.astype(np.float64)).reshape(len(x), -1)
    if features:
        _check(x_adv, x, features)
        change = _in_widths(change, features)
    if norm == "linf":
        return np.asarray(change.max(axis=1, initial=0.0))
    if norm == "l2":
        return np.asarray(np.sqrt((change**2).sum(axis=1)))
    if norm == "l1":
        return np.asarray(change.sum(axis=1))
    if norm == "l0":
        return np.asarray((change > 0).sum(axis=1).astype(np.float64))
    raise InputError(f"norm {norm!r} is none of linf, l2, l1, l0")


def groups(features: Features) -> dict[str, list[int]]:
    """The columns of each one-hot group, by its name, in order."""
    found: dict[str, list[int]] = {}
    for j, feature in enumerate(features):
        if feature.kind == "onehot":
            found.setdefault(feature.group, []).append(j)
    return found


def _in_widths(change: Any, features: Features) -> Any:
    width = np.array([f.width for f in features])
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(change > 0, change / width, 0.0)
    kinds = np.array([f.kind for f in features])
    scaled[:, kinds == "categorical"] = change[:, kinds == "categorical"] > 0
    together = [change[:, columns].max(axis=1, keepdims=True) for columns in groups(features).values()]
    return np.concatenate([scaled[:, kinds != "onehot"], *together], axis=1)


def _bounded(x_adv: Any, x: Any, features: Features) -> Any:
    low, high = np.array([f.low for f in features]), np.array([f.high for f in features])
    whole = np.array([f.kind != "numeric" for f in features])
    low, high = np.where(whole, np.ceil(low), low), np.where(whole, np.floor(high), high)
    clipped = np.clip(np.nan_to_num(x_adv, nan=0.0), low, np.maximum(low, high))
    outside = (x < low) | (x > high)
    return np.where(outside & (np.abs(x_adv - x) < np.abs(x_adv - clipped)), x, clipped)


def _onehot(x_adv: Any, before: Any, shut: Any, frozen: Any) -> Any:
    scores = np.where(shut & (before != 1), -np.inf, np.nan_to_num(x_adv, nan=-np.inf))
    best = scores.max(axis=1, keepdims=True)
    tied = (before == 1) & (scores == best)
    winner = np.where(tied.any(axis=1), tied.argmax(axis=1), scores.argmax(axis=1))
    chosen = np.eye(before.shape[1], dtype=before.dtype)[winner]
    held = (frozen & (before == 1)).any(axis=1) | (x_adv == before).all(axis=1) | ~np.isfinite(best[:, 0])
    return np.where(held[:, None], before, chosen)


def _check(x_adv: Any, x: Any, features: Features) -> None:
    if x_adv.shape != x.shape or x.ndim != 2 or x.shape[1] != len(features):
        raise InputError(f"rows {x_adv.shape} and {x.shape} do not fit {len(features)} features")
