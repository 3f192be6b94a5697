"""A matrix of numbers back to what a model was trained on: its columns by name and order, text for codes.

>>> import numpy as np
>>> from hauberk.core.features import Feature
>>> schema = (Feature("job", "categorical", 0, 1, categories=("cook", "vet")), Feature("age", "integer", 0, 99))
>>> order(schema, ("age", "job"), "m")
[1, 0]
>>> decoded(np.array([1.0, 0.0]), schema[0]).tolist()
['vet', 'cook']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.errors import InputError, MissingExtra, need
from hauberk.core.features import Feature, Features

if TYPE_CHECKING:
    from hauberk.core.ports import Floats


def order(features: Features, names: Sequence[str], model: str) -> list[int]:
    """Where each column that the model wants stands in the data.

    Raises InputError when one is missing, or the data has one that the model does not know.
    """
    at = {feature.name: j for j, feature in enumerate(features)}
    if missing := [name for name in names if name not in at]:
        raise InputError(
            f"{model}: it was trained on column {missing[0]!r}, which the data lacks",
            hint="give data with the columns of the training set: " + ", ".join(names[:20]),
        )
    if extra := sorted(set(at) - set(names)):
        raise InputError(
            f"{model}: the data has column {extra[0]!r}, which the model was not trained on",
            hint=f"leave it out: [features.{extra[0]}] drop = true",
        )
    return [at[name] for name in names]


def decoded(values: Any, feature: Feature) -> Any:
    """One column as the model saw it: texts (or whole numbers) for codes, int64 for whole numbers, else float."""
    if feature.kind == "categorical":
        names = _originals(feature.categories)
        return names[np.clip(np.rint(values), 0, len(names) - 1).astype(np.int64)]
    whole = np.rint(values)
    return whole.astype(np.int64) if feature.kind != "numeric" and (whole == values).all() else values


def frame(x: Floats, features: Features, names: Sequence[str]) -> Any:
    """A pandas frame of the columns `names` (a polars frame without pandas). features: of x's columns."""
    columns = {
        name: decoded(x[:, j], features[j]) if features else x[:, j]
        for name, j in zip(names, order(features, names, "the model") if features else range(len(names)), strict=True)
    }
    return _frame(columns)


def _frame(columns: Mapping[str, Any]) -> Any:
    try:
        return need("pandas", extra="audit").DataFrame(columns)
    except MissingExtra:
        return need("polars", extra="audit").DataFrame(columns)


def _originals(categories: tuple[str, ...]) -> Any:
    try:
        numbers = [int(text) for text in categories]
    except ValueError:
        return np.array(categories, dtype=object)
    plain = [str(number) for number in numbers] == list(categories)
    return np.array(numbers if plain else categories, dtype=np.int64 if plain else object)
