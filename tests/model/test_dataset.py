"""Data sets: the digest by its written definition, read-only arrays, bad contents."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from hauberk.core.errors import InputError
from hauberk.core.features import Feature
from hauberk.model.dataset import Dataset

X = np.arange(12, dtype=np.float32).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


def toy(x: object = X, y: object = Y, **more: object) -> Dataset:
    return Dataset("toy", x, y, ("no", "yes"), **more)  # type: ignore[arg-type]


def test_the_digest_is_what_its_definition_says() -> None:
    header = {
        "classes": ["no", "yes"], "features": [], "schema": "hauberk/dataset/1",
        "x": {"dtype": "<f4", "shape": [4, 3]}, "y": {"dtype": "<i8", "shape": [4]},
    }  # fmt: skip
    line = json.dumps(header, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    expected = hashlib.sha256(line + X.astype("<f4").tobytes() + Y.astype("<i8").tobytes()).hexdigest()
    assert toy().digest == "sha256:" + expected


def test_the_digest_sees_values_not_layout_or_name() -> None:
    same = [toy(np.asfortranarray(X)), toy(X.astype(">f4")), toy(X, Y.astype(np.uint8)), toy(X.astype(np.int16))]
    assert {d.digest for d in same} == {toy().digest}
    nudged = X.copy()
    nudged[3, 2] = np.nextafter(nudged[3, 2], np.float32(99))
    schema = tuple(Feature(n, "numeric", 0, 11) for n in "abc")
    others = [
        toy(nudged), toy(X, 1 - Y), toy(X.astype(np.float64)), toy(features=schema), toy().take([0, 1, 2]),
        Dataset("toy", X, Y, ("yes", "no")), toy(X.reshape(4, 3, 1)),
    ]  # fmt: skip
    assert len({d.digest for d in [toy(), *others]}) == len(others) + 1


def test_nothing_can_be_written_and_the_callers_arrays_stay_theirs() -> None:
    x, y = X.copy(), Y.copy()
    data = toy(x, y)
    x[0, 0], y[0] = 99, 1
    assert data.x[0, 0] == 0
    assert data.y[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.x[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]


def test_take_keeps_order_and_repeats() -> None:
    taken = toy().take(np.array([3, 0, 0]))
    assert taken.x[:, 0].tolist() == [9, 0, 0]
    assert taken.y.tolist() == [0, 0, 0]
    assert len(toy().take([])) == 0
    assert not taken.x.flags.writeable


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:3], r"x has shape \(4, 3\) and y \(3,\)"),
        (X[:, 0], Y, "x has shape"),
        (np.where(X == 5, np.nan, X), Y, "NaN or infinite"),
        (np.where(X == 5, np.inf, X), Y, "NaN or infinite"),
        (X, Y + 1, r"labels 1 … 2, expected 0 … 1"),
        (X, Y - 1, r"labels -1 … 0"),
        (X.astype(object), Y, "type object"),
    ],
)
def test_contents_that_do_not_fit_are_refused(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        toy(x, y)
    with pytest.raises(InputError, match="1 features for x of shape"):
        toy(features=(Feature("a", "numeric", 0, 1),))
